"""The page of usage: by whom, in which time, as a chart, as a table, and as a file of the same."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.read_teams import list_teams
from app.audit.report_repository import ReportRepository
from app.audit.teams import find_team
from app.audit.usage import first_usage_lines, report_usage, usage_csv, usage_csv_in_order
from app.audit.usage_order import Order, parse_order
from app.audit.usage_report import FirstLines, UsageQuestion
from app.callers.sessions import Session
from app.console.access import require_session
from app.console.board import team_of
from app.console.pages import page
from app.console.usage_chart import ROWS_AT_MOST, UsageChart, usage_chart
from app.console.usage_view import LINES_SHOWN, UsageView, Wanted, usage_view
from app.dialects.access import gateway_of
from app.dialects.report_answers import csv_answer
from app.dialects.report_questions import TEAM, usage_query
from app.errors import InvalidInput

SORT: Final = "sort"
NAMES: Final = ("group_by", "from", "to", SORT)
TEAMS_IN_LIST: Final = 200
# A line for each of thirty days and of some sixty others.
LINES_FOR_CHART: Final = 2_000

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an address asks for: the question, and in which order its lines are told."""

    question: UsageQuestion
    order: Order | None


@router.get("/console/usage")
async def usage(request: Request) -> Response:
    """The report that the address asks for; what is wrong with it stands beside the form."""
    session = await require_session(request)
    view, problems = await _view_or_problems(request, session)
    return page(
        request,
        "usage.html",
        session,
        422 if problems else 200,
        view=view,
        problems=problems,
        wanted=_wanted(request, session),
        today=datetime.now(UTC).date(),
        teams=await _team_names(request, session),
    )


@router.get("/console/usage.csv")
async def usage_as_csv(request: Request) -> Response:
    """All lines of the same report as a file, in the same order."""
    session = await require_session(request)
    asked = await _asked(request, session)
    return await csv_answer(_pieces(request, asked), asked.question)


async def _view_or_problems(
    request: Request, session: Session
) -> tuple[UsageView | None, list[dict[str, str]]]:
    try:
        asked = await _asked(request, session)
    except InvalidInput as error:
        return None, [_problem(one) for one in error.problems]
    reports = gateway_of(request).reports
    limit = LINES_FOR_CHART if "day" in asked.question.groups else LINES_SHOWN
    found = await first_usage_lines(reports, asked.question, asked.order, limit=limit)
    chart = await _chart(reports, asked.question, found)
    return usage_view(found, asked.question, asked.order, chart), []


async def _chart(reports: ReportRepository, question: UsageQuestion, found: FirstLines) -> UsageChart:
    """Of all lines while they are few; of a long report the days together, or its largest lines."""
    groups, lines, is_whole = question.groups, found.lines, found.number <= len(found.lines)
    if not is_whole and "day" in groups:
        groups = ("day",)
        lines = (await report_usage(reports, replace(question, groups=groups)))["items"]
    elif not is_whole:
        dearest = Order("cost_usd", is_falling=True)
        lines = (await first_usage_lines(reports, question, dearest, limit=ROWS_AT_MOST)).lines
    today = datetime.now(UTC).date()
    chart = usage_chart(lines, groups, question.period, number=found.number, today=today)
    return replace(chart, is_of_all=groups != question.groups)


async def _asked(request: Request, session: Session) -> _Asked:
    """What the address asks for; a team's key asks for its team alone.

    Raises:
        InvalidInput: it is no question.
    """
    more = (SORT, TEAM) if session.is_admin else (SORT,)
    query, question = usage_query(request, *more, from_form=True)
    order = query.read(SORT, lambda text: parse_order(text, question.groups))
    query.check()
    team_id = team_of(session) or await find_team(gateway_of(request).reports, query.text(TEAM))
    return _Asked(replace(question, team_id=team_id), order)


def _pieces(request: Request, asked: _Asked) -> AsyncIterator[bytes]:
    reports = gateway_of(request).reports
    if asked.order is None:
        return usage_csv(reports, asked.question)
    return usage_csv_in_order(reports, asked.question, asked.order)


def _wanted(request: Request, session: Session) -> Wanted:
    """What stands in the form, as it was written."""
    names = (*NAMES, TEAM) if session.is_admin else NAMES
    return Wanted({name: request.query_params.get(name, "").strip() for name in names})


async def _team_names(request: Request, session: Session) -> list[str]:
    """Names to choose from while one types."""
    if not session.is_admin:
        return []
    found = await list_teams(gateway_of(request).admin, cursor=None, limit=TEAMS_IN_LIST)
    return [team["name"] for team in found["items"]]


def _problem(problem: Mapping[str, Any]) -> dict[str, str]:
    name = str(problem["loc"][-1])
    return {"name": name, "msg": str(problem["msg"]).removeprefix(f"{name}: ")}
