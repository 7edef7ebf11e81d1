"""What a report on usage is asked for, and its lines as they are shown. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

from app.audit.period import Period
from app.billing.money import usd
from app.storage.postgres import Row

# In the order in which the columns of a report are explained.
GROUPS: Final = ("team", "key", "model", "day", "end_user")
DEFAULT_GROUPS: Final = ("day",)
COUNTS: Final = ("jobs", "succeeded", "failed", "images")
SUMS: Final = (*COUNTS, "cost_micros", "saved_micros", "unpriced")
_COLUMNS: Final = {"team": ("team", "team_id"), "key": ("key", "key_id")}


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """Whose usage of which period is told, line by line for what.

    Attributes:
        groups: some of `GROUPS`, each once; the lines are in the order of the first, then of the second.
        team_id: the one team it is about; None for all.
    """

    period: Period
    groups: tuple[str, ...] = DEFAULT_GROUPS
    team_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class FirstLines:
    """The beginning of a report; number and totals are of all its lines."""

    lines: list[dict[str, Any]]
    number: int
    totals: dict[str, Any]


def parse_groups(text: str) -> tuple[str, ...]:
    """The groups in a text like `day,model`.

    Raises:
        ValueError: one of them does not exist, or comes twice.
    """
    groups = tuple(text.split(","))
    if len(set(groups)) < len(groups) or not set(groups) <= set(GROUPS):
        raise ValueError(f"write some of {', '.join(GROUPS)}, each once, with commas between them")
    return groups


def columns_of(groups: Sequence[str]) -> list[str]:
    """The names of what a line holds, in order."""
    named = [column for group in groups for column in _COLUMNS.get(group, (group,))]
    return [*named, *COUNTS, "cost_usd", "saved_usd", "unpriced"]


def shown_lines(rows: Iterable[Row], groups: Sequence[str]) -> list[dict[str, Any]]:
    """The lines of a report, from rows with their columns in order; an end user that nobody named is null."""
    columns, has_end_user = columns_of(groups), "end_user" in groups
    lines = []
    for row in rows:
        line = dict(zip(columns, row.values(), strict=True))
        line["cost_usd"] = usd(line["cost_usd"])
        line["saved_usd"] = usd(line["saved_usd"])
        if has_end_user:
            line["end_user"] = line["end_user"] or None
        lines.append(line)
    return lines


def totals_of(rows: Sequence[Row]) -> dict[str, Any]:
    """All lines together."""
    totals = {name: sum(map(itemgetter(name), rows)) for name in SUMS}
    return {
        **{name: totals[name] for name in COUNTS},
        "cost_usd": usd(totals["cost_micros"]),
        "saved_usd": usd(totals["saved_micros"]),
        "unpriced": totals["unpriced"],
    }


def first_lines_of(rows: Sequence[Row], groups: Sequence[str]) -> FirstLines:
    """The same of rows that tell number and sums of all lines behind their own columns."""
    width = len(columns_of(groups))
    own = [dict(islice(row.items(), width)) for row in rows]
    sums = [{name: row[f"all_{name}"] for name in SUMS} for row in rows[:1]]
    return FirstLines(shown_lines(own, groups), rows[0]["lines"] if rows else 0, totals_of(sums))
