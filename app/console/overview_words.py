"""How the overview says its numbers. Pure."""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, Final

from app.billing.money import usd
from app.console.words import NOTHING, count_words, usd_words
from app.storage.postgres import Row

# In the order in which a job goes through them.
OPEN_STATES: Final = ("accepted", "submitting", "unknown", "queued", "running", "fetching")
PERIODS: Final[Mapping[str, str]] = MappingProxyType(
    {"day": "today", "month": "this month", "total": "in all"}
)
NONE_ENDED: Final = "none has ended yet"
NEAR: Final = 0.8
CENT: Final = Decimal("0.01")


def money_words(micros: int) -> str:
    """An amount at a glance: a dollar and more to the cent, a cent and more to its tenth."""
    amount = Decimal(usd(micros))
    for least, places in ((1, CENT), (CENT, CENT / 10)):
        if abs(amount) >= least:
            return usd_words(amount.quantize(places, ROUND_HALF_UP))
    return usd_words(amount)


def usd_to(amount: str, places: int) -> str:
    """An exact amount with so many places, which are enough for it and its neighbours."""
    exact = Decimal(amount)
    return f"{'-' if exact < 0 else ''}${abs(exact):,.{places}f}"


def places_for(amounts: Iterable[str]) -> int:
    """How many places a column of exact amounts needs; two at least."""
    return max([2, *(len(amount.partition(".")[2].rstrip("0")) for amount in amounts)])


def open_words(jobs: Mapping[str, int]) -> str:
    """`3 queued, 2 running`."""
    told = [f"{count_words(jobs[state])} {state}" for state in OPEN_STATES if jobs.get(state)]
    return ", ".join(told) or "nothing is waiting"


def period_words(period: str) -> str:
    """In which time a budget may be spent."""
    return PERIODS[period]


def failed_share(today: Row) -> str:
    """How many of those that ended."""
    ended = today["failed"] + today["succeeded"]
    return f"{share_words(today['failed'], ended)} of what ended" if ended else NONE_ENDED


def cache_share(lately: Row) -> str:
    """How many jobs others had answered."""
    ended = lately["ended"]
    if not ended:
        return NONE_ENDED
    return f"{share_words(lately['answered'], ended)} of the last {count_words(ended)} from the cache"


def share_words(part: int, whole: int) -> str:
    """A part in per cent; little is not told as nothing, and nearly all not as all."""
    if not whole:
        return NOTHING
    percent = 100 * part / whole
    if 0 < percent < 1:
        return "under 1 %"
    return f"{int(percent)} %"


def budget_class(budget: Row) -> str:
    """Whether a budget is used up, nearly so, or neither."""
    used, limit = budget["spent_micros"] + budget["reserved_micros"], budget["budget_micros"]
    if used >= limit:
        return "over"
    return "near" if used >= NEAR * limit else "well"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "money": money_words,
        "usd_to": usd_to,
        "open_words": open_words,
        "period": period_words,
        "failed_share": failed_share,
        "cache_share": cache_share,
        "budget_class": budget_class,
    }
)
