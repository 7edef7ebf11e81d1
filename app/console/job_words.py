"""What the page of a job says in words: its steps with their durations, how it ended. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

# How wide the bar of all steps is drawn, in units of its own.
BAR_WIDTH: Final = 1000
# A step that took nearly no time is seen all the same.
THINNEST: Final = 3

ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "client_cancelled": "Somebody stopped it before it was made; nothing is charged.",
        "submit_unknown": (
            "The upstream may have taken it or not, and cannot be asked. It was not sent twice; its price "
            "stays charged until an operator settles it."
        ),
        "upstream_unavailable": "The upstream took nothing; trying again later is safe.",
        "upstream_error": "The upstream answered with something that is not its protocol.",
        "content_policy_violation": "The model's own checker refused the prompt or the picture.",
        "invalid_input": "The model did not take this input.",
    }
)
OPEN_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accepted": "waits to be sent, while the upstream is not there",
        "submitting": "is being handed to the upstream",
        "unknown": "may be with the upstream or not; the gateway waits for proof",
        "queued": "waits in the upstream's queue",
        "running": "is being made",
        "fetching": "is made; its result is being fetched",
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """One state that the job was in.

    Attributes:
        seconds: how long; None for the state it is in now, or ended in.
        left: where it begins on the bar.
        width: how much of the bar it takes; 0 for the last one of a job that has ended.
    """

    state: str
    at: datetime
    note: str | None
    seconds: float | None
    left: int
    width: int


def steps_of(timeline: Sequence[Mapping[str, Any]], *, now: datetime, is_final: bool) -> list[Step]:
    """The states of a job in order, drawn to scale; one that goes on reaches to this moment."""
    if not timeline:
        return []
    moments = [event["at"] for event in timeline]
    ends = [*moments[1:], moments[-1] if is_final else max(now, moments[-1])]
    whole = (ends[-1] - moments[0]).total_seconds() or 1.0
    lefts = [round((at - moments[0]).total_seconds() / whole * BAR_WIDTH) for at in moments] + [BAR_WIDTH]
    steps = []
    for event, end, (left, right) in zip(timeline, ends, pairwise(lefts), strict=True):
        is_last = event is timeline[-1]
        steps.append(
            Step(
                state=event["to"],
                at=event["at"],
                note=event["note"],
                seconds=None if is_last and is_final else (end - event["at"]).total_seconds(),
                left=min(left, BAR_WIDTH - THINNEST),
                width=0 if is_last and is_final else max(right - left, THINNEST),
            )
        )
    return steps


def ending_of(job: Mapping[str, Any]) -> str | None:
    """Why a job ended as it did, or what it waits for, in a sentence; None when nothing is to be said."""
    if job["error_type"] is not None:
        return ENDINGS.get(job["error_type"])
    words = OPEN_WORDS.get(job["state"])
    return None if words is None else f"This job {words}."
