"""Where jobs that waited for the upstream go out: a few side by side, and one alone while it is away."""

from app.upstream.breaker import Breaker


class Outlet:
    """Counts the places; whoever gets none is put off."""

    def __init__(self, breaker: Breaker, *, slots: int) -> None:
        self._breaker = breaker
        self._slots = slots
        self._taken = 0

    def enter(self) -> bool:
        """Takes a place, to be given back by `leave`, and with it the breaker's leave to try; or False."""
        slots = 1 if self._breaker.is_shut else self._slots
        if self._taken >= slots or not self._breaker.lets_through():
            return False
        self._taken += 1
        return True

    def leave(self) -> None:
        """Gives the place back."""
        self._taken -= 1
