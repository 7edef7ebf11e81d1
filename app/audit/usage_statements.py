"""The SQL of usage reports: whole days from stored sums, less than a day from the jobs themselves.

A statement holds only the conditions that are asked for: plans are made once for each, without its values.
"""

from collections.abc import Sequence
from uuid import UUID

from app.audit.period import Period, days_in, end_id_of, first_id_of
from app.audit.placeholders import Placeholders
from app.audit.roll_up_statements import ADDED_UP, SUMS_OF_JOBS
from app.audit.usage_order import Order
from app.audit.usage_report import SUMS
from app.audit.usage_sums import StoredSums, sums_for

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

# By what lines are put in order, where that is not the column of their name.
_SORTED_BY = {
    "team": "t.name",
    "key": "k.name",
    "model": "g.model",
    "day": "g.day",
    "end_user": "NULLIF(g.end_user, '')",
    "cost_usd": "cost_micros",
    "saved_usd": "saved_micros",
}
_TEXTS = frozenset({"team", "key", "model", "end_user"})


def usage_lines(
    groups: Sequence[str], period: Period, team_id: UUID | None, *, after: Sequence[object], limit: int
) -> tuple[str, list[object]]:
    """The statement and its values for the lines of a report that come behind the line of `after`."""
    placeholders = Placeholders()
    parts = _parts(placeholders, groups, period, team_id)
    marks = ", ".join(
        f"{placeholders.add(value)}::{GROUPS[group][1]}" for group, value in zip(groups, after, strict=False)
    )
    columns, (shown, joins) = _columns(groups), _names(groups)
    statement = f"""
        WITH parts AS ({parts}), grouped AS (
            SELECT {columns}, {ADDED_UP} FROM parts
            {f"WHERE ({columns}) > ({marks})" if after else ""}
            GROUP BY {columns}
        )
        SELECT {shown}, {", ".join(SUMS)} FROM grouped g {joins}
        ORDER BY {_own_order(groups)} LIMIT {placeholders.add(limit)}
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def first_lines(
    groups: Sequence[str], period: Period, team_id: UUID | None, *, order: Order | None, limit: int
) -> tuple[str, list[object]]:
    """The same for the first lines in any order; each also tells the number and the sums of all lines."""
    placeholders = Placeholders()
    parts = _parts(placeholders, groups, period, team_id)
    columns, (shown, joins) = _columns(groups), _names(groups)
    of_all = ", ".join(f"(sum({name}) OVER ())::bigint AS all_{name}" for name in SUMS)
    by = _own_order(groups) if order is None else f"{_by(order)}, {_own_order(groups)}"
    statement = f"""
        WITH parts AS ({parts}), grouped AS (SELECT {columns}, {ADDED_UP} FROM parts GROUP BY {columns})
        SELECT {shown}, {", ".join(SUMS)}, count(*) OVER () AS lines, {of_all} FROM grouped g {joins}
        ORDER BY {by} LIMIT {placeholders.add(limit)}
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def number_of_lines(
    groups: Sequence[str], period: Period, team_id: UUID | None, *, most: int
) -> tuple[str, list[object]]:
    """The statement and its values for how many lines a report has; `most` stands for any more."""
    placeholders = Placeholders()
    parts, columns = _parts(placeholders, groups, period, team_id), _columns(groups)
    statement = f"""
        WITH parts AS ({parts}), grouped AS (
            SELECT FROM parts GROUP BY {columns} LIMIT {placeholders.add(most)}
        )
        SELECT count(*) AS number FROM grouped
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def _columns(groups: Sequence[str]) -> str:
    return ", ".join(GROUPS[group][0] for group in groups)


def _names(groups: Sequence[str]) -> tuple[str, str]:
    shown, joins = zip(*(_NAMES.get(group, (f"g.{group}", "")) for group in groups), strict=True)
    return ", ".join(shown), " ".join(joins)


def _own_order(groups: Sequence[str]) -> str:
    return ", ".join(f"g.{GROUPS[group][0]}" for group in groups)


def _by(order: Order) -> str:
    """Letters count before their case; lines without a value come last, whichever way."""
    way = "DESC" if order.is_falling else "ASC"
    column = _SORTED_BY.get(order.column, order.column)
    if order.column in _TEXTS:
        return f'lower({column}) COLLATE "C" {way} NULLS LAST, {column} COLLATE "C" {way}'
    return f"{column} {way}"


def _parts(placeholders: Placeholders, groups: Sequence[str], period: Period, team_id: UUID | None) -> str:
    team = "" if team_id is None else f"AND team_id = {placeholders.add(team_id)}"
    days = days_in(period)
    columns = _columns(groups)
    parts = [_whole_days(placeholders, columns, stored, team) for stored in sums_for(groups, days)]
    parts += [_rest(placeholders, groups, rest, team) for rest in days.rests]
    return " UNION ALL ".join(parts)


def _whole_days(placeholders: Placeholders, columns: str, stored: StoredSums, team: str) -> str:
    of = stored.grain
    return f"""
        SELECT {columns}, {", ".join(SUMS)} FROM {stored.table}
        WHERE {of} >= {placeholders.add(stored.first)} AND {of} < {placeholders.add(stored.end)} {team}
    """  # noqa: S608 # columns and tables of ours, and placeholders


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
    """The first and the last day on which a model was used, by one look into an index each.

    The whole place in the index is compared: asked for the first day of one model the planner takes the model
    for one that is used, and looks for it day by day; of one that nobody used that is the whole table.
    """
    placeholders = Placeholders()
    columns, values = "model", placeholders.add(model)
    if team_id is not None:
        columns, values = "team_id, model", f"{placeholders.add(team_id)}, {values}"

    def end(sign: str, day: str, order: str) -> str:
        ordered = ", ".join(f"{column} {order}" for column in f"{columns}, day".split(", "))
        return f"""
            SELECT day FROM (
                SELECT {columns}, day FROM usage_daily
                WHERE ({columns}, day) {sign} ({values}, '{day}'::date) ORDER BY {ordered} LIMIT 1
            ) AS nearest
            WHERE ({columns}) = ({values})
        """  # noqa: S608 # columns of ours and placeholders

    statement = (
        f"SELECT ({end('>=', '-infinity', 'ASC')}) AS first, ({end('<=', 'infinity', 'DESC')}) AS last"
    )
    return statement, placeholders.values
