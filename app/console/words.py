"""How values are written on pages: money, times, durations, numbers. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

NOTHING: Final = "\N{EN DASH}"
MICROS: Final = 1_000_000
SMALL_USD: Final = Decimal("0.01")
MINUTE_SECONDS: Final = 60
HOUR_SECONDS: Final = 3600
SHORT_ID: Final = 8
MEGABYTE: Final = 1_000_000


def usd_words(amount: str | Decimal | None) -> str:
    """An amount such as `0.025000` as `$0.025`: two digits, or as many as a small amount needs."""
    if amount is None:
        return NOTHING
    exact = Decimal(amount)
    sign, exact = ("-" if exact < 0 else ""), abs(exact)
    if exact == exact.quantize(SMALL_USD):
        return f"{sign}${exact:,.2f}"
    shown = f"{exact:,.6f}".rstrip("0")
    return f"{sign}${shown}"


def moment_words(moment: datetime | None) -> str:
    """A time to the second, in UTC; a script of ours shows it in the reader's own zone."""
    return NOTHING if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def machine_moment(moment: datetime | None) -> str:
    """The same for programs."""
    return "" if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def seconds_words(seconds: float | None) -> str:
    """A duration: `340 ms`, `2.4 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < MINUTE_SECONDS:
        return f"{seconds:.1f} s"
    if seconds < HOUR_SECONDS:
        return f"{int(seconds // MINUTE_SECONDS)} min {int(seconds % MINUTE_SECONDS)} s"
    minutes = int(seconds // MINUTE_SECONDS)
    return f"{minutes // MINUTE_SECONDS} h {minutes % MINUTE_SECONDS} min"


def count_words(number: float | None) -> str:
    """A whole number with its thousands apart."""
    return NOTHING if number is None else f"{number:,.0f}"


def or_nothing(value: object) -> object:
    """The value, or a dash where there is none."""
    return NOTHING if value is None or value == "" else value


def short_id(value: object) -> str:
    """The end of an id, which tells ids of the same minute apart; pages show the whole one on request."""
    return f"…{str(value)[-SHORT_ID:]}"


def megabytes_words(size_bytes: int) -> str:
    """A size: `12.4 MB`."""
    return f"{size_bytes / MEGABYTE:.1f} MB"


FILTERS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "usd": usd_words,
        "moment": moment_words,
        "machine_moment": machine_moment,
        "seconds": seconds_words,
        "number": count_words,
        "or_nothing": or_nothing,
        "short_id": short_id,
        "megabytes": megabytes_words,
    }
)
