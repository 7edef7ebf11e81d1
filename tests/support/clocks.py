"""Commands that live at another time than the rest of the machine, and a clock that a test sets."""

import time
from dataclasses import dataclass

from tests.support.debian import find_or_install, library, require
from tests.support.waiting import until

PACKAGE = "libfaketime"
LIBRARY = library("faketime/libfaketime.so.1")
DAY_SECONDS = 86_400
# A test that says what is today takes a second or two, and its machine may stand still.
ROOM_SECONDS = 20.0
LOST = "it was NOT tried what a wrong clock does"


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def until_today_has_room() -> None:
    """Waits for midnight (UTC) where it is near: what a test says of today is then true until its end."""
    until(lambda: time.time() % DAY_SECONDS < DAY_SECONDS - ROOM_SECONDS)


def at_another_time(seconds: int) -> tuple[str, ...]:
    """What a command is run under for its clock to be so much ahead; how time passes is left alone."""
    return _under(require(LIBRARY, PACKAGE, lost=LOST), seconds)


def at_another_time_if_possible(seconds: int) -> tuple[str, ...]:
    """The same, or nothing where this machine has no such clocks."""
    path = find_or_install(LIBRARY, PACKAGE, "")
    return () if path is None else _under(path, seconds)


def _under(path: str, seconds: int) -> tuple[str, ...]:
    return ("env", f"LD_PRELOAD={path}", f"FAKETIME={seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC=1")
