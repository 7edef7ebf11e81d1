"""A job as it is recorded, claimed, moved and shown: the shapes of one thing."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.jobs.schedule import Look
from app.jobs.states import TERMINAL, JobState, may_move
from app.upstream.answers import ModelAnswer

FIRST_EPOCH = 1

# What a view takes beside its texts, measured with tracemalloc.
VIEW_BYTES = 1200


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be recorded; its first owner is the process that records it."""

    id: UUID
    team_id: UUID
    key_id: UUID
    model_id: str
    prompt: str | None
    upstream_input: bytes
    upstream_headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this process owns until its lease is over. Ages are seconds by the database's clock.

    Attributes:
        epoch: the fencing number; a write with an older one changes nothing.
        failed_looks: looks in a row that told nothing.
        created_seconds: since it was recorded.
        submitted_seconds: since the upstream accepted it, or since it was recorded.
        running_seconds: since it was first seen running.
        looked_seconds: since it was looked at before this time.
        must_ask_to_cancel: the caller cancelled, and the upstream has not answered to that yet.
        lag_seconds: how long it was due before it was claimed.
    """

    job_id: UUID
    epoch: int
    failed_looks: int
    team_id: UUID
    key_id: UUID
    model_id: str
    state: JobState
    upstream_id: str | None
    queue_position: int | None
    created_seconds: float
    submitted_seconds: float
    running_seconds: float | None
    looked_seconds: float | None
    must_ask_to_cancel: bool
    lag_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a look at a job, or an answer to its submit, changes.

    Attributes:
        look_in_seconds: when the job is looked at next; None for a state that is final.
        pull_in_seconds: from when on a caller's look may bring that nearer.
        note: one sentence for the timeline.
        is_change: whether anything but the time of the next look differs, so that the job's row is written.
    """

    job_id: UUID
    epoch: int
    before: JobState
    after: JobState
    look_in_seconds: float | None = None
    pull_in_seconds: float | None = None
    failed_looks: int = 0
    upstream_id: str | None = None
    queue_position: int | None = None
    logs: bytes | None = None
    metrics: bytes | None = None
    error: str | None = None
    error_type: str | None = None
    cancel_answer: str | None = None
    answer: ModelAnswer | None = field(default=None, repr=False)
    note: str | None = None
    is_change: bool = True

    def __post_init__(self) -> None:
        if not may_move(self.before, self.after):
            raise ValueError(f"a job does not go from {self.before} to {self.after}")

    @classmethod
    def stay(cls, job: ClaimedJob, *, look: Look, failed_looks: int = 0) -> "Move":
        """Nothing new about a job but when it is looked at again."""
        return cls(
            job_id=job.job_id,
            epoch=job.epoch,
            before=job.state,
            after=job.state,
            look_in_seconds=look.in_seconds,
            pull_in_seconds=look.pull_in_seconds,
            failed_looks=failed_looks,
            queue_position=job.queue_position,
            is_change=False,
        )


@dataclass(frozen=True, slots=True)
class JobEvent:
    """One move of a job; the first has no `before`."""

    at: datetime
    before: str | None
    after: str
    note: str | None


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as reads see it; `id` is the text that callers know.

    Attributes:
        look_in_seconds: how far away the next look was when this was read; None when nothing is due.
        pull_in_seconds: from when on a caller's look may bring it nearer.
    """

    id: str
    team_id: UUID
    key_id: UUID
    model_id: str
    state: JobState
    queue_position: int | None = None
    logs: bytes | None = None
    metrics: bytes | None = None
    error: str | None = None
    error_type: str | None = None
    answer: ModelAnswer | None = field(default=None, repr=False)
    look_in_seconds: float | None = None
    pull_in_seconds: float | None = None

    @property
    def weight_bytes(self) -> int:
        """About how much memory this takes."""
        parts = (self.logs, self.metrics, self.answer.body if self.answer else None)
        return VIEW_BYTES + sum(len(part) for part in parts if part is not None)

    @property
    def is_final(self) -> bool:
        """Whether nothing about this job will ever change."""
        return self.state in TERMINAL
