"""Where a job's steps hang in traces: below what its caller sent, or in the job's own trace. Pure.

A job without a caller's trace has one whose id is the job's own: a UUID has as many bits as a trace id, so
any process can tell a step of it without anything being stored.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

HEADER: Final = b"traceparent"
FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-[!-~]*)?")
LONGEST: Final = 256
FIRST_VERSION: Final = "00"
NO_VERSION: Final = "ff"
FIRST_LENGTH: Final = 55
SAMPLED: Final = 1
SPAN_BITS: Final = 64
# So many bits at the end of our ids are random; those before are a clock, and a counter within a millisecond.
RANDOM_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that others hang below; `is_sampled` says whether this trace is told at all."""

    trace_id: int
    span_id: int
    is_sampled: bool

    def __str__(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{SAMPLED if self.is_sampled else 0:02x}"


def read_parent(text: str) -> Parent | None:
    """What a `traceparent` says, after w3.org/TR/trace-context; None when it says nothing that holds."""
    match = FORM.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or match[1] == NO_VERSION:
        return None
    if match[1] == FIRST_VERSION and len(text) != FIRST_LENGTH:
        return None
    trace_id, span_id = int(match[2], 16), int(match[3], 16)
    if not trace_id or not span_id:
        return None
    return Parent(trace_id, span_id, is_sampled=bool(int(match[4], 16) & SAMPLED))


def parent_in(headers: Iterable[tuple[bytes, bytes]]) -> Parent | None:
    """What the headers of a request say; several are as good as none."""
    values = [value for name, value in headers if name == HEADER]
    return read_parent(values[0].decode("latin-1")) if len(values) == 1 else None


def span_of(job_id: UUID) -> int:
    """The id of the span that a job's steps hang below, whichever trace that is in."""
    return job_id.int & ((1 << SPAN_BITS) - 1)


def is_chosen(trace_id: int, ratio: float) -> bool:
    """Whether a trace is among the share that is told; every process decides alike."""
    return trace_id & ((1 << RANDOM_BITS) - 1) < ratio * (1 << RANDOM_BITS)


def own_trace(job_id: UUID, ratio: float) -> Parent:
    """The job's own trace."""
    return Parent(job_id.int, span_of(job_id), is_sampled=is_chosen(job_id.int, ratio))
