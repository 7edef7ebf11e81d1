"""How many steps a worker may begin: no more in a second than it is asked to, and many by one claim. Pure."""

from typing import Final

# So much of a second's share may begin at once; while more is due than that, it is waited for.
BURST_SECONDS: Final = 0.1
LEAST_SHARE: Final = 0.5


class Pace:
    """Lets so many steps begin in a second; None is any number.

    A worker that is always behind claims by the dozen this way, and not one by one as its share grows.
    """

    def __init__(self, per_second: float | None) -> None:
        self._per_second = per_second
        self._most = 0.0 if per_second is None else max(per_second * BURST_SECONDS, 1.0)
        self._left = self._most
        self._seen_at = 0.0

    def room(self, now: float, free: int) -> int:
        """How many of the free slots may be taken now; `now` is in seconds and only ever rises."""
        if self._per_second is None:
            return free
        self._left = min(self._left + (now - self._seen_at) * self._per_second, self._most)
        self._seen_at = now
        return min(free, int(self._left)) if self._left >= self._most * LEAST_SHARE else 0

    def took(self, number: int) -> None:
        """So many have begun."""
        self._left -= number

    def rest_seconds(self) -> float:
        """How long it takes until there is room again."""
        if self._per_second is None:
            return 0.0
        return max(self._most * LEAST_SHARE - self._left, 0.0) / self._per_second
