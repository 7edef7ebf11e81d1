"""The sliding window of a minute: what it lets pass, what is left of it, and the log that it looks at."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.callers.caller import RateLimit

WINDOW_SECONDS = 60
WINDOW_MICROS = WINDOW_SECONDS * 1_000_000


@dataclass(frozen=True, slots=True)
class Quota:
    """What one limit leaves.

    Attributes:
        remaining: submits that may still come at once.
        reset_micros: until the next of them comes back; 0 when all are there.
    """

    scope: str
    per_minute: int
    remaining: int
    reset_micros: int

    @property
    def reset_seconds(self) -> int:
        """Whole seconds after which the next has come back for certain."""
        return -(-self.reset_micros // 1_000_000)


@dataclass(frozen=True, slots=True)
class RateState:
    """Whether a submit passes, and what is left of each limit after it."""

    is_admitted: bool
    quotas: tuple[Quota, ...]

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10, for good answers as well as for refusals."""
        policies = (f'"{quota.scope}";q={quota.per_minute};w={WINDOW_SECONDS}' for quota in self.quotas)
        states = (f'"{quota.scope}";r={quota.remaining};t={quota.reset_seconds}' for quota in self.quotas)
        return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(states)}

    @property
    def has_room(self) -> bool:
        """Whether one more would pass all limits."""
        return all(quota.remaining for quota in self.quotas)

    @property
    def tightest(self) -> Quota:
        """The limit without room that lasts longest; after it a refused submit may come again."""
        return max(self.quotas, key=lambda quota: (not quota.remaining, quota.reset_micros))


def decide(limits: Sequence[RateLimit], taken_micros: Sequence[Sequence[int]], now_micros: int) -> RateState:
    """Whether one more submit passes all limits together; it counts against each of them or against none.

    What was taken counts for exactly one window: never do more than the limit fall into any 60 seconds.

    Args:
        limits: at least one.
        taken_micros: for each limit the times of the submits that it let pass, in rising order.
        now_micros: a time of the same clock.
    """
    live = [_live(taken, now_micros) for taken in taken_micros]
    pairs = list(zip(limits, live, strict=True))
    is_admitted = all(len(taken) < limit.per_minute for limit, taken in pairs)
    quotas = (_quota(limit, taken, now_micros, is_admitted=is_admitted) for limit, taken in pairs)
    return RateState(is_admitted, tuple(quotas))


def _live(taken: Sequence[int], now_micros: int) -> Sequence[int]:
    """What lies within a window of now; a clock that was set back by more than one forgets what it said."""
    return taken[
        bisect_right(taken, now_micros - WINDOW_MICROS) : bisect_left(taken, now_micros + WINDOW_MICROS)
    ]


def _quota(limit: RateLimit, live: Sequence[int], now_micros: int, *, is_admitted: bool) -> Quota:
    taken = sorted([*live[:1], now_micros]) if is_admitted else live
    used = len(live) + is_admitted
    # Where a limit was lowered, more than one has to leave before the next may come.
    leaves_first = max(0, used - limit.per_minute)
    if leaves_first < len(taken):
        reset_micros = taken[leaves_first] + WINDOW_MICROS - now_micros
    else:
        reset_micros = 0 if limit.per_minute else WINDOW_MICROS
    return Quota(limit.scope, limit.per_minute, max(0, limit.per_minute - used), reset_micros)


class RecentSubmits:
    """When this process let submits pass, for as long as they count.

    It holds no more than one time for each limit of each submit of the last minute, and no limit lets pass
    more than it allows.
    """

    def __init__(self) -> None:
        # Those that took last stand last, so what no longer counts is found at the front.
        self._taken: dict[UUID, list[int]] = {}

    def __len__(self) -> int:
        return sum(len(taken) for taken in self._taken.values())

    def decide(self, limits: Sequence[RateLimit], now_micros: int) -> RateState:
        """What this process alone would say to one more submit."""
        return decide(limits, [self._taken.get(limit.scope_id, []) for limit in limits], now_micros)

    def add(self, limits: Sequence[RateLimit], now_micros: int) -> None:
        """Counts a submit that passed."""
        for limit in limits:
            self._add(limit.scope_id, now_micros)
        self._forget(now_micros - WINDOW_MICROS)

    def _add(self, scope_id: UUID, now_micros: int) -> None:
        taken = self._taken.pop(scope_id, [])
        del taken[: bisect_right(taken, now_micros - WINDOW_MICROS)]
        insort(taken, now_micros)
        self._taken[scope_id] = taken

    def _forget(self, until_micros: int) -> None:
        """Lets go of those whose last submit no longer counts; the one just added ends the search."""
        while self._taken[idlest := next(iter(self._taken))][-1] <= until_micros:
            del self._taken[idlest]
