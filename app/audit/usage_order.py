"""In which order the lines of a report are told. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.audit.usage_report import columns_of

# Ids stand beside names; nobody sorts by them.
_UNSORTED: Final = frozenset({"team_id", "key_id"})


@dataclass(frozen=True, slots=True)
class Order:
    """By a column; lines that are alike there stay in the order of their report."""

    column: str
    is_falling: bool = False

    def __str__(self) -> str:
        return f"-{self.column}" if self.is_falling else self.column


def parse_order(text: str, groups: Sequence[str]) -> Order:
    """The order in a text like `jobs`, or `-cost_usd` for the highest first.

    Raises:
        ValueError: a report with these groups has no such column.
    """
    order = Order(text.removeprefix("-"), text.startswith("-"))
    if order.column not in sortable(groups):
        raise ValueError(
            f"write one of {', '.join(sortable(groups))}, with a - before it for the highest first"
        )
    return order


def sortable(groups: Sequence[str]) -> list[str]:
    """The columns that lines can be put in order by."""
    return [column for column in columns_of(groups) if column not in _UNSORTED]
