"""The stretches of time that people ask for most. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Range:
    """Whole days by UTC, from the first until just before the last, as a report's address says them."""

    name: str
    starts_on: date
    ends_on: date


def quick_ranges(today: date) -> list[Range]:
    """Some ranges around today."""
    tomorrow = today + timedelta(days=1)
    this_month = today.replace(day=1)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    next_month = (this_month + timedelta(days=31)).replace(day=1)
    return [
        Range("Today", today, tomorrow),
        Range("7 days", today - timedelta(days=6), tomorrow),
        Range("30 days", today - timedelta(days=29), tomorrow),
        Range("This month", this_month, next_month),
        Range("Last month", last_month, this_month),
    ]
