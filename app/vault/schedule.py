"""When the pictures of a job are tried again, and when they are given up: ten tries within a day. Pure."""

from typing import Final

# How long after the first, second, … failed try the next one comes: 23 hours in all.
PAUSES_SECONDS: Final = (10, 60, 300, 1200, 3600, 7200, 14_400, 21_600, 36_000)
TRIES: Final = len(PAUSES_SECONDS) + 1

# So much of a pause may be taken off, so that what failed together does not come again together.
JITTER: Final = 0.1


def after_try(failed_tries: int, *, got_something: bool, jitter: float) -> tuple[int, float | None]:
    """How many tries have failed with one that did not get all, and when the next one comes.

    One that got something is none that failed: of many large pictures each try takes some.
    """
    failed_tries += 0 if got_something else 1
    return failed_tries, pause_seconds(max(failed_tries, 1), jitter)


def pause_seconds(failed_tries: int, jitter: float) -> float | None:
    """How long to wait after so many failed tries; None when there is no further one.

    `jitter` is a random number in [0, 1).
    """
    if failed_tries > len(PAUSES_SECONDS):
        return None
    return PAUSES_SECONDS[failed_tries - 1] * (1.0 - JITTER * jitter)
