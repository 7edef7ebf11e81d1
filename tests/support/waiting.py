"""Waiting for what happens in other processes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 20.0
STEP_SECONDS = 0.03


def until(condition: Callable[[], Found], seconds: float = PATIENCE_SECONDS) -> Found:
    """The first true value of the condition; a test that waits in vain fails with the last one."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain; last seen: {found!r}"
        time.sleep(STEP_SECONDS)
    return found
