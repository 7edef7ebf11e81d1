"""From when to when: moments as people write them, months, and whole days in a stretch of time. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2999

ONE_DAY: Final = timedelta(days=1)

# Ids carry the clock of the gateway that made them, jobs the time of the database; they differ by less.
CLOCKS_DIFFER: Final = timedelta(hours=1)
# The version of UUID that begins with a time, and what follows the milliseconds there.
_WITH_TIME: Final = 7
_TIME_BITS: Final = 80
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


@dataclass(frozen=True, slots=True)
class Period:
    """From one moment until just before another, both in UTC."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Days:
    """A period as whole days, and what is left of it at its ends.

    Attributes:
        first: the first whole day.
        end: the day after the last whole day; not after `first` when there is none.
        rests: pieces that are less than a day.
    """

    first: date
    end: date
    rests: tuple[Period, ...]


@dataclass(frozen=True, slots=True)
class Months:
    """The whole months among some days: the first day of the first, and the day after the last."""

    first: date
    end: date


def parse_moment(text: str) -> datetime:
    """A moment as RFC 3339 writes it, or a bare date, which is that day's start in UTC.

    Raises:
        ValueError: it is neither, it has no zone, or there is no such moment between 1970 and 2999.
    """
    moment = _read(text)
    if moment is None:
        raise ValueError(
            "write a date such as 2026-07-01, or a time with its zone such as 2026-07-01T08:30:00Z "
            "(in an address, a + is written %2B)"
        )
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"a moment is between {FIRST_YEAR} and {LAST_YEAR}")
    return moment


def period_of(starts_at: datetime | None, ends_at: datetime | None, *, now: datetime) -> Period:
    """The period that is asked for; what is not said is that end of a month, the present one if need be.

    Raises:
        ValueError: it ends before it begins.
    """
    if starts_at is None:
        starts_at = _month_of(now if ends_at is None else ends_at - timedelta(microseconds=1))
    if ends_at is None:
        ends_at = _month_of(_month_of(now) + timedelta(days=31))
    check_order(starts_at, ends_at)
    return Period(starts_at, ends_at)


def check_order(starts_at: datetime | None, ends_at: datetime | None) -> None:
    """Lets two moments pass when time goes by between them, or when one is not said.

    Raises:
        ValueError: the period is empty.
    """
    if starts_at is not None and ends_at is not None and starts_at >= ends_at:
        raise ValueError("`from` is before `to`; `to` itself is not included")


def days_in(period: Period) -> Days:
    """The whole days of a period by UTC, and the pieces beside them."""
    first, end = _day_from(period.starts_at), period.ends_at.date()
    if first > end:
        return Days(first, end, (period,))
    ends = (Period(period.starts_at, _midnight(first)), Period(_midnight(end), period.ends_at))
    return Days(first, end, tuple(rest for rest in ends if rest.starts_at < rest.ends_at))


def months_in(first: date, end: date) -> Months | None:
    """The whole months from one day on until before another; None when there is none."""
    begin = first if first.day == 1 else (first.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Months(begin, end.replace(day=1)) if begin < end.replace(day=1) else None


def first_id_of(moment: datetime) -> UUID:
    """Below the id of every job that was recorded at this moment or later."""
    return _id_at(moment - CLOCKS_DIFFER)


def end_id_of(moment: datetime) -> UUID:
    """Above the id of every job that was recorded before this moment."""
    return _id_at(moment + CLOCKS_DIFFER)


def first_id_beside(made: UUID) -> UUID:
    """Below the id of every job that was recorded after something with this id was made."""
    if made.version != _WITH_TIME:
        return UUID(int=0)
    milliseconds = made.int >> _TIME_BITS
    return _id_at(datetime.fromtimestamp(milliseconds / 1000, UTC) - CLOCKS_DIFFER)


def _read(text: str) -> datetime | None:
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None


def _id_at(moment: datetime) -> UUID:
    return UUID(int=max(int(moment.timestamp() * 1000), 0) << _TIME_BITS)


def _month_of(moment: datetime) -> datetime:
    return datetime(moment.year, moment.month, 1, tzinfo=UTC)


def _day_from(moment: datetime) -> date:
    """The first day that does not begin before the moment."""
    day = moment.date()
    return day if moment == _midnight(day) else day + ONE_DAY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC)
