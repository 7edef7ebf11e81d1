"""Whether the upstream can be reached, by what the last submits of this process found."""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()

# So many submits in a row that could not be sent are an outage, and no accident.
FAILURES = 5
# Meanwhile one submit tries so often; all others need not wait for a time-out to learn the same.
PROBE_SECONDS = 1.0


class Breaker:
    """Shut while submits provably cannot be sent; one a second tries then, until one is sent.

    Nothing else counts: what was sent was sent, whatever came of it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._probe_at = 0.0

    @property
    def is_shut(self) -> bool:
        """Whether the upstream is away, as far as is known."""
        return self._failures >= FAILURES

    def lets_through(self) -> bool:
        """Whether a submit may be tried now, by the one that then goes."""
        if not self.is_shut:
            return True
        may_try = self._clock() >= self._probe_at
        if may_try:
            self._probe_at = self._clock() + PROBE_SECONDS
        return may_try

    def not_sent(self, reason: str) -> None:
        """A submit could not be sent."""
        self._failures += 1
        self._probe_at = self._clock() + PROBE_SECONDS
        if self._failures == FAILURES:
            log.warning("upstream.away", reason=reason)

    def sent(self) -> None:
        """A submit was sent."""
        if self.is_shut:
            log.warning("upstream.back")
        self._failures = 0
