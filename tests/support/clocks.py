"""Commands that live at another time than the rest of the machine, and a clock that a test sets."""

from dataclasses import dataclass

from tests.support.debian import find_or_install, library, require

PACKAGE = "libfaketime"
LIBRARY = library("faketime/libfaketime.so.1")
LOST = "it was NOT tried what a wrong clock does"


@dataclass
class Clock:
    """Seconds that pass when a test says so."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def at_another_time(seconds: int) -> tuple[str, ...]:
    """What a command is run under for its clock to be so much ahead; how time passes is left alone."""
    return _under(require(LIBRARY, PACKAGE, lost=LOST), seconds)


def at_another_time_if_possible(seconds: int) -> tuple[str, ...]:
    """The same, or nothing where this machine has no such clocks."""
    path = find_or_install(LIBRARY, PACKAGE, "")
    return () if path is None else _under(path, seconds)


def _under(path: str, seconds: int) -> tuple[str, ...]:
    return ("env", f"LD_PRELOAD={path}", f"FAKETIME={seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC=1")
