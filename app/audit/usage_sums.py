"""From which of the stored sums the whole days of a report are told: the coarsest that can. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.audit.period import Days, months_in


class Grain(StrEnum):
    """The column in which sums have their time."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class StoredSums:
    """The lines of one table from one day on until before another."""

    table: str
    grain: Grain
    first: date
    end: date


def sums_for(groups: Sequence[str], days: Days) -> list[StoredSums]:
    """By end user and not by day whole months are enough; those who are not told apart need not be read."""
    if "end_user" not in groups:
        return [StoredSums("usage_by_day", Grain.DAY, days.first, days.end)]
    months = None if "day" in groups else months_in(days.first, days.end)
    if months is None:
        return [StoredSums("usage_daily", Grain.DAY, days.first, days.end)]
    return [
        StoredSums("usage_by_month", Grain.MONTH, months.first, months.end),
        StoredSums("usage_daily", Grain.DAY, days.first, months.first),
        StoredSums("usage_daily", Grain.DAY, months.end, days.end),
    ]
