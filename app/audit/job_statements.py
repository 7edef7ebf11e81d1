"""The SQL of pages of jobs, and of everything about one job.

A statement holds only the conditions that are asked for: plans are made once for each, without its values,
and without its state a partial index could not be used. The LIMITs inside are written out because the planner
takes one that it does not know for a tenth of all rows, and then reads whole tables.
"""

from collections.abc import Sequence
from uuid import UUID

from app.audit.job_filters import PAGE_LIMIT, JobFilters, Sight
from app.audit.period import end_id_of, first_id_beside, first_id_of
from app.audit.placeholders import Placeholders
from app.callers.grace_statements import is_shown

# Inputs and answers may hold whole pictures; a page does not carry them.
LARGE_BYTES = 100_000

# Which rows of `jobs` are in which state, as the indexes know them.
SUCCEEDED = "succeeded"
BAD_ENDS = ("failed", "cancelled", "expired", "lost")
OPEN = ("accepted", "submitting", "unknown", "queued", "running", "fetching")

_SHOWN = """
    j.id, j.team_id, j.key_id, j.token_id, j.state, j.model, t.name AS team, k.name AS key, j.end_user,
    i.prompt, j.created_at, j.submitted_at, j.started_at, j.completed_at, j.error_type, j.cache,
    j.source_job_id, j.reserved_micros, j.cost_micros, j.saved_micros, j.purged_at,
    CASE WHEN shown.is_whole THEN j.error END AS error, shown.is_whole
"""


def _beside(grace: str) -> str:
    """What stands beside a job, as far as its team's privacy lets it be shown.

    A job that was answered by another one has that one's result.
    """
    return f"""
        LEFT JOIN teams t ON t.id = j.team_id
        LEFT JOIN api_keys k ON k.id = j.key_id
        CROSS JOIN LATERAL (SELECT COALESCE({is_shown("j", "t", grace)}, true) AS is_whole) AS shown
        LEFT JOIN job_inputs i ON i.job_id = j.id AND shown.is_whole
        LEFT JOIN job_results r ON r.job_id = COALESCE(j.source_job_id, j.id) AND j.state = 'succeeded'
            AND shown.is_whole
    """


_IN_PAGE = f"""
    {_SHOWN},
    CASE WHEN octet_length(i.input) <= {LARGE_BYTES} THEN i.input END AS input,
    CASE WHEN octet_length(r.body) <= {LARGE_BYTES} THEN r.body END AS body
"""

THESE_JOBS = f"SELECT {_IN_PAGE} FROM jobs j {_beside('$2')} WHERE j.id = ANY($1::uuid[]) ORDER BY j.id DESC"  # noqa: S608 # both parts are constants

# An input or an answer that is larger than asked for is not even read from where it is stored.
ONE_JOB = f"""
    SELECT {_SHOWN},
        CASE WHEN octet_length(i.input) <= $3 THEN i.input END AS input,
        CASE WHEN octet_length(r.body) <= $4 THEN r.body END AS body,
        octet_length(i.input) AS input_bytes, octet_length(r.body) AS answer_bytes, j.images AS image_count
    FROM jobs j {_beside("$2")} WHERE j.id = $1
"""  # noqa: S608 # both parts are constants

IS_WHOLE = f"""
    SELECT {is_shown("j", "t", "$2")} AS is_whole FROM jobs j JOIN teams t ON t.id = j.team_id WHERE j.id = $1
"""  # noqa: S608 # constants and a placeholder

LEDGER_OF = """
    SELECT kind, reserved_micros, spent_micros, at, note FROM ledger
    WHERE job_id = $1 AND team_id = $2 ORDER BY id
"""

TEAM_NAMED = "SELECT id FROM teams WHERE name = $1 OR id::text = $1 ORDER BY name <> $1 LIMIT 1"


def job_page(
    sight: Sight, filters: JobFilters, *, before: UUID | None, limit: int, grace_seconds: float
) -> tuple[str, Sequence[object]]:
    """The statement and its values for the newest jobs, below the id `before`."""
    placeholders = Placeholders()
    conditions = [*seen(placeholders, sight), *asked(placeholders, filters)]
    if before is not None:
        conditions.append(f"j.id < {placeholders.add(before)}")
    statement = f"""
        SELECT {_IN_PAGE}
        FROM (
            SELECT * FROM ({found(placeholders, sight, filters, conditions)}) AS found
            ORDER BY id DESC LIMIT {placeholders.add(limit)}
        ) AS j {_beside(placeholders.add(grace_seconds))}
        ORDER BY j.id DESC
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def seen(placeholders: Placeholders, sight: Sight) -> list[str]:
    """The conditions on `j` that keep to what may be seen."""
    conditions = []
    if sight.team_id is not None:
        conditions.append(f"j.team_id = {placeholders.add(sight.team_id)}")
    if sight.key_id is not None:
        conditions.append(f"j.key_id = {placeholders.add(sight.key_id)}")
    if sight.token_id is not None:
        conditions.append(f"j.token_id = {placeholders.add(sight.token_id)}")
        conditions.append(f"j.id >= {placeholders.add(first_id_beside(sight.token_id))}")
    return conditions


def asked(placeholders: Placeholders, filters: JobFilters) -> list[str]:
    """The conditions on `j` of all filters but the key and the words."""
    conditions = []
    if filters.state is not None:
        conditions.append(_in_state(filters.state))
    if filters.model is not None:
        conditions.append(f"j.model = {placeholders.add(filters.model)}")
    if filters.end_user is not None:
        conditions.append(f"j.end_user = {placeholders.add(filters.end_user)}")
    if filters.starts_at is not None:
        conditions.append(f"j.created_at >= {placeholders.add(filters.starts_at)}")
        conditions.append(f"j.id >= {placeholders.add(first_id_of(filters.starts_at))}")
    if filters.ends_at is not None:
        conditions.append(f"j.created_at < {placeholders.add(filters.ends_at)}")
        conditions.append(f"j.id < {placeholders.add(end_id_of(filters.ends_at))}")
    return conditions


def _in_state(state: str) -> str:
    """A condition with the state written out, which is one of ours and nobody's text."""
    [known] = [name for name in (SUCCEEDED, *BAD_ENDS, *OPEN) if name == state]
    return f"j.state = '{known}'"


def found(
    placeholders: Placeholders,
    sight: Sight,
    filters: JobFilters,
    conditions: Sequence[str],
    *,
    most: int = PAGE_LIMIT + 1,
) -> str:
    """Where the rows are looked for: along the index of each of a few keys or teams, or along one for all.

    Of each of them there are at most so many of the newest, in no order.
    """
    if filters.key is not None:
        name = placeholders.add(filters.key)
        own = "" if sight.team_id is None else f"AND k.team_id = {placeholders.add(sight.team_id)}"
        heads = f"SELECT k.id, k.team_id FROM api_keys k WHERE (k.name = {name} OR k.id::text = {name}) {own}"  # noqa: S608 # placeholders only
        return _for_each(heads, "j.key_id = h.id AND j.team_id = h.team_id", filters, conditions, most)
    has_index_by_team = filters.state in BAD_ENDS or filters.end_user is not None
    if sight.team_id is None and has_index_by_team:
        return _for_each("SELECT id FROM teams", "j.team_id = h.id", filters, conditions, most)
    return _jobs(filters, conditions, most)


def _for_each(heads: str, bond: str, filters: JobFilters, conditions: Sequence[str], most: int) -> str:
    if filters.state in OPEN:
        return _jobs(filters, [*conditions, f"EXISTS (SELECT FROM ({heads}) AS h WHERE {bond})"], most)
    return f"""
        SELECT j.* FROM ({heads}) AS h
        CROSS JOIN LATERAL ({_jobs(filters, [bond, *conditions], most)}) AS j
    """  # noqa: S608 # constants and placeholders


def _jobs(filters: JobFilters, conditions: Sequence[str], most: int) -> str:
    """What has not ended is in the work table, which is short; the rest is looked for among all jobs."""
    source, order = "jobs j", "j.id"
    if filters.state in OPEN:
        source = """
            work w CROSS JOIN LATERAL (SELECT * FROM jobs WHERE jobs.id = w.job_id LIMIT 1) AS j
        """
        conditions = ["w.kind = 'follow'", *conditions]
        order = "w.job_id"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT j.* FROM {source} {where} ORDER BY {order} DESC LIMIT {most}"  # noqa: S608 # constants and placeholders
