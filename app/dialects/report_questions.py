"""What the address of a report asks for; the same for teams and for the operator."""

from typing import Final

from starlette.requests import Request

from app.audit.job_filters import PAGE_LIMIT, JobFilters
from app.audit.prompt_words import parse_question
from app.audit.usage_report import DEFAULT_GROUPS, UsageQuestion, parse_groups
from app.dialects.query import Query
from app.jobs.states import JobState

DEFAULT_PAGE: Final = 50
STATES: Final = tuple(state.value for state in JobState)

USAGE_NAMES: Final = ("from", "to", "group_by")
JOB_NAMES: Final = ("q", "state", "model", "key", "end_user", "from", "to", "limit", "cursor")
TEAM: Final = "team"


def usage_query(request: Request, *more: str, from_form: bool = False) -> tuple[Query, UsageQuestion]:
    """The address of a usage report, and the question in it for all teams.

    Raises:
        InvalidInput: it is not one.
    """
    query = Query(request, (*USAGE_NAMES, *more), from_form=from_form)
    groups = query.read("group_by", parse_groups) or DEFAULT_GROUPS
    period = query.period()
    query.check()
    assert period is not None  # noqa: S101 # there is one unless a problem was found
    return query, UsageQuestion(period, groups)


def jobs_query(request: Request, *more: str, from_form: bool = False) -> tuple[Query, JobFilters, int]:
    """The address of a page of jobs, its filters, and how many jobs it holds.

    Raises:
        InvalidInput: it is not one.
    """
    query = Query(request, (*JOB_NAMES, *more), from_form=from_form)
    limit = query.count("limit", most=PAGE_LIMIT, default=DEFAULT_PAGE)
    state = query.one_of("state", STATES)
    words = query.read("q", parse_question)
    starts_at, ends_at = query.moments()
    query.check()
    filters = JobFilters(
        state=state,
        model=query.text("model"),
        key=query.text("key"),
        end_user=query.text("end_user"),
        starts_at=starts_at,
        ends_at=ends_at,
        words=words or (),
    )
    return query, filters, limit
