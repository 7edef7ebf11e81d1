"""A job as it is recorded, claimed, moved and shown: the shapes of one thing."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from app.billing.prices import Quote
from app.billing.settlement import JobPrice, Settlement
from app.jobs.schedule import Look
from app.jobs.states import TERMINAL, JobState, may_move
from app.upstream.answers import ModelAnswer

FIRST_EPOCH = 1

# When a job looks for the answer of another that it waits for; the end of that one tells it sooner as a rule.
ANSWER_LOOK_SECONDS = 1.0

# A claim that looks so far back for what is due leaves nothing out.
EVERYWHERE_SECONDS = 1e9

# What a view takes beside its texts, measured with tracemalloc.
VIEW_BYTES = 1200


class CacheWord(StrEnum):
    """What an answer says about the cache, in `X-Fluxgate-Cache`."""

    HIT = "HIT"  # an earlier job's answer
    JOINED = "JOINED"  # the answer of a job that was under way already
    MISS = "MISS"  # asked for, and not there
    BYPASS = "BYPASS"  # not asked for


@dataclass(frozen=True, slots=True)
class Claims:
    """What a job claims for itself when it is recorded, as digests; None where it claims nothing.

    Attributes:
        team_id: no claim reaches beyond a team.
        key_digest: of the idempotency key.
        request_digest: of what is asked for; a key stands for one request only.
        cache_digest: the same, when this job's answer may be given to others.
        replaces_keyed: the job that the key stood for until now.
        replaces_cached: the job whose answer was given for this request until now.
    """

    team_id: UUID
    key_digest: bytes | None
    request_digest: bytes
    cache_digest: bytes | None
    replaces_keyed: UUID | None = None
    replaces_cached: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job about to be recorded; its first owner is the process that records it.

    Attributes:
        cache: one of `CacheWord`; what the answers of this job say about the cache.
        quote: what it may cost.
        claims: what nobody else may stand for at the same time.
        source_job_id: the job whose answer this one is given; nothing is sent for it then.
        webhook_url: whom to tell when it ends.
        has_uploads: whether its input names uploaded files that go upstream as data.
        traceparent: where its steps hang in its caller's trace, if there is one and anything is traced.
    """

    id: UUID
    team_id: UUID
    key_id: UUID
    token_id: UUID | None
    model_id: str
    prompt: str | None
    upstream_input: bytes
    upstream_headers: dict[str, str]
    end_user: str | None
    cache: str
    quote: Quote
    claims: Claims
    source_job_id: UUID | None = None
    webhook_url: str | None = None
    has_uploads: bool = False
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job that this process owns until its lease is over. Ages are seconds by the database's clock.

    Attributes:
        epoch: the fencing number; a write with an older one changes nothing.
        failed_looks: looks in a row that told nothing.
        source_job_id: the job whose answer this one waits for; it has nothing upstream itself.
        price: what it was reserved at.
        expects_webhook: the upstream was told where to call when it ends.
        told_id: the id under which the upstream's webhook told of its end; None when none came.
        told_seconds: from the upstream's acceptance to that webhook.
        created_seconds: since it was recorded.
        submitted_seconds: since the upstream accepted it, or since it was recorded.
        running_seconds: since it was first seen running.
        looked_seconds: since it was looked at before this time.
        must_ask_to_cancel: the caller cancelled, and the upstream has not answered to that yet.
        cancelled_seconds: since the caller cancelled; None while nobody did.
        lag_seconds: how long it was due before it was claimed.
        has_webhook: whether somebody is told when it ends.
        crowd_seconds: how long it was due because there was more to do than could be done; 0 where all that
            was due has been taken up.
    """

    job_id: UUID
    epoch: int
    failed_looks: int
    team_id: UUID
    key_id: UUID
    token_id: UUID | None
    model_id: str
    cache: str
    state: JobState
    upstream_id: str | None
    queue_position: int | None
    source_job_id: UUID | None
    price: JobPrice
    expects_webhook: bool
    told_id: str | None
    told_seconds: float | None
    created_seconds: float
    submitted_seconds: float
    running_seconds: float | None
    looked_seconds: float | None
    must_ask_to_cancel: bool
    cancelled_seconds: float | None
    lag_seconds: float
    has_webhook: bool
    crowd_seconds: float = 0.0

    @property
    def is_told(self) -> bool:
        """Whether the upstream has told of the end of this very job."""
        return self.told_id is not None and self.told_id == self.upstream_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a look at a job, or an answer to its submit, changes.

    Attributes:
        look_in_seconds: when the job is looked at next; None for a state that is final.
        pull_in_seconds: from when on a caller's look may bring that nearer.
        note: one sentence for the timeline.
        is_change: whether anything but the time of the next look differs, so that the job's row is written.
        settlement: what becomes of the money; there is one exactly when the job ends.
        run_seconds: what is learnt of how long the model takes, once this is written.
        saved_micros: what the answer of another job would have cost again.
        expects_webhook: the upstream was told where to call when the job ends.
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
    settlement: Settlement | None = None
    saved_micros: int | None = None
    run_seconds: float | None = None
    expects_webhook: bool = False

    def __post_init__(self) -> None:
        if not may_move(self.before, self.after):
            raise ValueError(f"a job does not go from {self.before} to {self.after}")
        if (self.after in TERMINAL) != (self.settlement is not None):
            raise ValueError(f"a job that is {self.after} is settled when it ends, and only then")

    @property
    def goes_on(self) -> bool:
        """Whether the job is followed further, and nothing that is large, or rare, came with this move."""
        words = (self.logs, self.metrics, self.error, self.error_type, self.cancel_answer, self.answer)
        return self.look_in_seconds is not None and all(word is None for word in words)

    @property
    def logged_note(self) -> str | None:
        """The note as far as it is in our words; a model's answer may quote the prompt."""
        return self.note if self.answer is None else None

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
        token_id: the browser token that submitted it, which alone may read it with a token.
        cache: one of `CacheWord`.
        source_job_id: the job whose answer this one is given.
        look_in_seconds: how far away the next look was when this was read; None when nothing is due.
        pull_in_seconds: from when on a caller's look may bring it nearer.
        ended_seconds: how long ago it had ended when this was read; None where that is not known.
        is_purged: whether its answer, and every word beside it, is not kept any more.
    """

    id: str
    team_id: UUID
    key_id: UUID
    model_id: str
    state: JobState
    token_id: UUID | None = None
    cache: str = CacheWord.BYPASS
    source_job_id: UUID | None = None
    queue_position: int | None = None
    logs: bytes | None = None
    metrics: bytes | None = None
    error: str | None = None
    error_type: str | None = None
    answer: ModelAnswer | None = field(default=None, repr=False)
    look_in_seconds: float | None = None
    pull_in_seconds: float | None = None
    ended_seconds: float | None = None
    is_purged: bool = False

    @property
    def weight_bytes(self) -> int:
        """About how much memory this takes."""
        parts = (self.logs, self.metrics, self.answer.body if self.answer else None)
        return VIEW_BYTES + sum(len(part) for part in parts if part is not None)

    @property
    def is_final(self) -> bool:
        """Whether nothing about this job will ever change, but that its answer may go."""
        return self.state in TERMINAL

    @property
    def without_payload(self) -> "JobView":
        """The job without what goes when its payload does."""
        return replace(self, logs=None, metrics=None, error=None, answer=None, is_purged=True)

    @property
    def lacks_answer(self) -> bool:
        """Whether it ended with an answer that is stored with another job and was not read from there."""
        is_elsewhere = self.source_job_id is not None and not self.is_purged
        return self.is_final and is_elsewhere and self.answer is None
