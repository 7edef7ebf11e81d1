"""When a webhook is tried again, and when it is given up: eleven tries within a day. Pure."""

from typing import Final

# How long after the first, second, … failed try the next one comes: 23 hours and 43 minutes in all, and less
# with jitter.
PAUSES_SECONDS: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 36_000)
TRIES: Final = len(PAUSES_SECONDS) + 1

# So much of a pause may be taken off, so that receivers which were away together are not met by all at once.
JITTER: Final = 0.1

# A receiver that asks for more with `Retry-After` is asked again after this.
LONGEST_ASKED_SECONDS: Final = 3600.0


def pause_seconds(failed_tries: int, jitter: float) -> float | None:
    """How long to wait after so many failed tries; None when there is no further one.

    `jitter` is a random number in [0, 1).
    """
    if failed_tries > len(PAUSES_SECONDS):
        return None
    return PAUSES_SECONDS[failed_tries - 1] * (1.0 - JITTER * jitter)


def asked_seconds(retry_after_seconds: float | None, jitter: float) -> float:
    """The pause that a receiver asked for, a little longer, so that not everything comes back at once.

    Whatever it asks for, it is no longer than the longest.
    """
    return min((retry_after_seconds or 0.0) * (1.0 + JITTER * jitter), LONGEST_ASKED_SECONDS)
