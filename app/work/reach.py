"""How far back in time a claim has to look for what is due. Pure.

The index of what is due is read from its oldest end, where the versions of rows stand that were replaced.
PostgreSQL cleans them away, but not while any transaction, such as a backup, is older than they are: each
claim would step over all of them then, and there are more of them every second. So a claim looks back no
further than to where the one before it left off, and everywhere only now and then.
"""

from typing import Final

from app.jobs.job import EVERYWHERE_SECONDS

# Rows become due at the time at which their transaction began, and are seen when it has ended.
MARGIN_SECONDS: Final = 2.0
# What a longer transaction made due, or one that was broken off left so, is found after so long.
ROUND_SECONDS: Final = 5.0


class Reach:
    """Remembers until when all that was due has been taken up; times are seconds that only rise."""

    def __init__(self) -> None:
        self._taken_until: float | None = None
        self._everywhere_at = 0.0

    def back_seconds(self, now: float) -> float:
        """How far to look back now."""
        if self._taken_until is None or now >= self._everywhere_at:
            self._everywhere_at = now + ROUND_SECONDS
            return EVERYWHERE_SECONDS
        return now - self._taken_until + MARGIN_SECONDS

    def claimed(self, now: float, left_seconds: float) -> None:
        """A claim that began then took all that was due, but what had been due for less than so long."""
        self._taken_until = now - left_seconds
