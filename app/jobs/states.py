"""The states of a job, the moves between them, and what callers see of them. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class JobState(StrEnum):
    """Where a job stands; the comments say what is known about the upstream."""

    ACCEPTED = "accepted"  # recorded; nothing has been sent, or provably nothing arrived
    SUBMITTING = "submitting"  # being sent; after a crash: perhaps sent
    UNKNOWN = (
        "unknown"  # perhaps accepted upstream, without an id to ask for; sent again by an operator alone
    )
    QUEUED = "queued"  # accepted upstream, which gave an id
    RUNNING = "running"  # the upstream works on it
    FETCHING = "fetching"  # complete upstream; its result is not stored yet
    SUCCEEDED = "succeeded"  # the result is stored
    FAILED = "failed"  # refused or failed for good
    CANCELLED = "cancelled"  # stopped before it made anything
    EXPIRED = "expired"  # the upstream no longer knows it, or it took longer than the deadline
    LOST = "lost"  # unknown for too long; money stays charged until somebody or late news settles it


TERMINAL = frozenset(
    {JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, JobState.LOST}
)

ENDS_WITH_UPSTREAM_ID = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED})

MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.ACCEPTED: frozenset({JobState.SUBMITTING, JobState.CANCELLED, JobState.FAILED}),
    JobState.SUBMITTING: frozenset(
        {JobState.QUEUED, JobState.UNKNOWN, JobState.FAILED, JobState.ACCEPTED, JobState.CANCELLED}
    ),
    JobState.UNKNOWN: frozenset({JobState.QUEUED, JobState.LOST, JobState.ACCEPTED}),
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.FETCHING}) | ENDS_WITH_UPSTREAM_ID,
    JobState.RUNNING: frozenset({JobState.FETCHING}) | ENDS_WITH_UPSTREAM_ID,
    JobState.FETCHING: ENDS_WITH_UPSTREAM_ID,
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.EXPIRED: frozenset(),
    JobState.LOST: frozenset(),
}


class QueueStatus(StrEnum):
    """fal's words, the only ones callers ever see."""

    IN_QUEUE = "IN_QUEUE"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"


def may_move(before: JobState, after: JobState) -> bool:
    """Whether a job may go from one state to the other; staying is no move and always allowed."""
    return before == after or after in MOVES[before]


def may_become(before: JobState, after: JobState) -> bool:
    """Whether a job that was in the one state may be in the other now, any number of moves later."""
    return before == after or after in _LATER[before]


def _reached_from(state: JobState) -> frozenset[JobState]:
    reached: set[JobState] = set()
    ahead = set(MOVES[state])
    while ahead:
        reached |= ahead
        ahead = {after for before in ahead for after in MOVES[before]} - reached
    return frozenset(reached)


_LATER: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {state: _reached_from(state) for state in JobState}
)


# Each read of a job asks three times.
_SHOWN: Mapping[JobState, QueueStatus] = MappingProxyType(
    dict.fromkeys(JobState, QueueStatus.IN_QUEUE)
    | dict.fromkeys((JobState.RUNNING, JobState.FETCHING), QueueStatus.IN_PROGRESS)
    | dict.fromkeys(TERMINAL, QueueStatus.COMPLETED)
)


def shown_as(state: JobState) -> QueueStatus:
    """What a caller is told about a job in this state."""
    return _SHOWN[state]
