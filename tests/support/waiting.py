"""Waiting for what happens in other processes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

# A machine of tests is slow, and now and then stands still for seconds; nobody waits so long but in vain.
PATIENCE_SECONDS = 60.0
STEP_SECONDS = 0.03


def until(condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """The first true value of the condition; a test that waits in vain fails with the last one."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain; last seen: {found!r}"
        time.sleep(STEP_SECONDS)
    return found


def until_over(is_honoured: Callable[[], bool], seconds: float) -> None:
    """Waits until what has just been ended does not count any more; it may for so long, and no longer.

    What matters is when it was asked about: answers may be late, and so may we.
    """
    ended_at = time.monotonic()

    def is_over() -> bool:
        asked_after = time.monotonic() - ended_at
        if not is_honoured():
            return True
        assert asked_after < seconds, f"it still counts after {asked_after:.1f} s"
        return False

    until(is_over)
