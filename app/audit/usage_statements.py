"""The SQL of usage reports: whole days from the daily sums, less than a day from the jobs themselves.

A statement holds only the conditions that are asked for: plans are made once for each, without its values.
"""

from collections.abc import Sequence
from uuid import UUID

from app.audit.period import Days, Period, days_in, end_id_of, first_id_of
from app.audit.placeholders import Placeholders
from app.audit.roll_up_statements import SUMS_OF_JOBS

# What usage can be told by: the column and its type. Ids rise with time, so teams and keys come in the order
# in which they were made.
GROUPS = {
    "team": ("team_id", "uuid"),
    "key": ("key_id", "uuid"),
    "model": ("model", "text"),
    "day": ("day", "date"),
    "end_user": ("end_user", "text"),
}
# The same of one job, where the daily sums have something else.
_OF_A_JOB = {
    "day": "(created_at AT TIME ZONE 'UTC')::date AS day",
    "end_user": "COALESCE(end_user, '') AS end_user",
}
# What of it is shown, and where the names are.
_NAMES = {
    "team": ("t.name AS team, g.team_id::text", "LEFT JOIN teams t ON t.id = g.team_id"),
    "key": ("k.name AS key, g.key_id::text", "LEFT JOIN api_keys k ON k.id = g.key_id"),
}

SUMS = ("jobs", "succeeded", "failed", "images", "cost_micros", "saved_micros", "unpriced")
_SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMS)


def usage_lines(
    groups: Sequence[str], period: Period, team_id: UUID | None, *, after: Sequence[object], limit: int
) -> tuple[str, list[object]]:
    """The statement and its values for the lines of a report that come behind the line of `after`."""
    placeholders = Placeholders()
    team = "" if team_id is None else f"AND team_id = {placeholders.add(team_id)}"
    days = days_in(period)
    columns = ", ".join(GROUPS[group][0] for group in groups)
    parts = [_whole_days(placeholders, columns, days, team)]
    parts += [_rest(placeholders, groups, rest, team) for rest in days.rests]
    marks = ", ".join(
        f"{placeholders.add(value)}::{GROUPS[group][1]}" for group, value in zip(groups, after, strict=False)
    )
    shown, joins = zip(*(_NAMES.get(group, (f"g.{group}", "")) for group in groups), strict=True)
    statement = f"""
        WITH parts AS ({" UNION ALL ".join(parts)}), grouped AS (
            SELECT {columns}, {_SUMS} FROM parts
            {f"WHERE ({columns}) > ({marks})" if after else ""}
            GROUP BY {columns}
        )
        SELECT {", ".join(shown)}, {", ".join(SUMS)} FROM grouped g {" ".join(joins)}
        ORDER BY {", ".join(f"g.{GROUPS[group][0]}" for group in groups)} LIMIT {placeholders.add(limit)}
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def _whole_days(placeholders: Placeholders, columns: str, days: Days, team: str) -> str:
    return f"""
        SELECT {columns}, {", ".join(SUMS)} FROM usage_daily
        WHERE day >= {placeholders.add(days.first)} AND day < {placeholders.add(days.end)} {team}
    """  # noqa: S608 # columns of ours and placeholders


def _rest(placeholders: Placeholders, groups: Sequence[str], rest: Period, team: str) -> str:
    columns = ", ".join(_OF_A_JOB.get(group, GROUPS[group][0]) for group in groups)
    return f"""
        SELECT {columns}, {SUMS_OF_JOBS} FROM jobs j
        WHERE images_asked IS NOT NULL {team}
            AND created_at >= {placeholders.add(rest.starts_at)}
            AND created_at < {placeholders.add(rest.ends_at)}
            AND id >= {placeholders.add(first_id_of(rest.starts_at))}
            AND id < {placeholders.add(end_id_of(rest.ends_at))}
        GROUP BY {", ".join(str(place) for place in range(1, len(groups) + 1))}
    """  # noqa: S608 # columns of ours and placeholders


def days_of_model(model: str, team_id: UUID | None) -> tuple[str, Sequence[object]]:
    """The first and the last day on which a model was used, by one look into an index each."""
    placeholders = Placeholders()
    used = f"model = {placeholders.add(model)}"
    if team_id is not None:
        used = f"team_id = {placeholders.add(team_id)} AND {used}"
    statement = f"""
        SELECT (SELECT day FROM usage_daily WHERE {used} ORDER BY day LIMIT 1) AS first,
            (SELECT day FROM usage_daily WHERE {used} ORDER BY day DESC LIMIT 1) AS last
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values
