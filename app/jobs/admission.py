"""What becomes of a job that asks to be recorded, and what of a request that was made before. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from app.billing.money import usd
from app.errors import BudgetExceeded, FluxgateError, TooManyInFlight
from app.jobs.job import NewJob
from app.jobs.states import TERMINAL, JobState

AGAIN: Final = "again"
RETRY_IN_FLIGHT_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class Recorded:
    """The job is recorded and stands in this state."""

    state: JobState


@dataclass(frozen=True, slots=True)
class TakenBefore:
    """Another job has just claimed the same key, or makes the same answer: there is something to find now."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A limit that the job would pass.

    Attributes:
        limit: `budget`, `unpriced`, `images` or `in_flight`.
        scope: whose limit it is: `team`, `key` or `token`.
        resets_at: when a budget of a day or a month begins anew.
    """

    limit: str
    scope: str
    budget_micros: int | None
    left_micros: int | None
    left_images: int | None
    max_in_flight: int | None
    resets_at: datetime | None

    def as_error(self) -> FluxgateError:
        """The refusal in words: what was the limit, what is left of it, when there is more."""
        match self.limit:
            case "in_flight":
                return TooManyInFlight(
                    f"This {self.scope} may have {self.max_in_flight} jobs under way at once, and has.",
                    retry_after_seconds=RETRY_IN_FLIGHT_SECONDS,
                )
            case "images":
                return BudgetExceeded(
                    f"This {self.scope} may make {self.left_images} more images; nothing was sent.",
                    facts={"scope": self.scope, "left_images": self.left_images},
                )
            case "unpriced":
                return BudgetExceeded(
                    f"The price of this model is not known here, and this {self.scope} has a limit of money; "
                    "nothing was sent.",
                    facts=self._facts(),
                )
            case _:
                return BudgetExceeded(
                    f"This job may cost more than the {self._left_usd()} USD that are left of this "
                    f"{self.scope}'s {usd(self.budget_micros or 0)} USD; {self._reset()}. Nothing was sent.",
                    facts=self._facts(),
                )

    def _left_usd(self) -> str:
        """Nothing is left where a limit was lowered below what is spent."""
        return usd(max(self.left_micros or 0, 0))

    def _reset(self) -> str:
        if self.resets_at is None:
            return "the limit does not renew itself"
        return f"it renews at {_rfc3339(self.resets_at)}"

    def _facts(self) -> dict[str, Any]:
        return {
            "scope": self.scope,
            "limit_usd": usd(self.budget_micros or 0),
            "left_usd": self._left_usd(),
            "resets_at": None if self.resets_at is None else _rfc3339(self.resets_at),
        }


Outcome = Recorded | TakenBefore | Refusal


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is known of requests before this one.

    Attributes:
        keyed_job_id: the job that the idempotency key stands for.
        is_replay: whether it still does: within its day, and the upstream has taken the job, or may have.
        cached_job_id: the job that made, or makes, the answer to the same request.
        cached_age_seconds: since that job ended; None while it is under way.
        cached_is_purged: whether its answer is not kept any more.
    """

    keyed_job_id: UUID | None
    keyed_request_digest: bytes | None
    is_replay: bool
    cached_job_id: UUID | None
    cached_state: JobState | None
    cached_is_cancelled: bool
    cached_age_seconds: float | None
    cached_is_purged: bool

    def answers(self, *, max_age_seconds: float) -> bool:
        """Whether that job's answer may be given for this request too."""
        if self.cached_state is None or max_age_seconds <= 0:
            return False
        if self.cached_is_cancelled or self.cached_is_purged:
            return False
        if self.cached_state is JobState.SUCCEEDED:
            return (self.cached_age_seconds or 0.0) <= max_age_seconds
        return self.cached_state not in TERMINAL and self.cached_state is not JobState.UNKNOWN


def are_apart(jobs: Sequence[NewJob]) -> bool:
    """Whether no two of these claim the same idempotency key or make the same answer."""
    digests = [
        (claims.team_id, digest)
        for claims in (job.claims for job in jobs)
        for digest in (claims.key_digest, claims.cache_digest)
        if digest is not None
    ]
    return len(set(digests)) == len(digests)


def outcome_of(word: str, row: Mapping[str, Any]) -> Outcome:
    """A row of the recording statements.

    Raises:
        ValueError: the statement could not decide; a team or a key has no row of allowances.
    """
    match word:
        case "budget" | "unpriced" | "images" | "in_flight":
            names = ("scope", "budget_micros", "left_micros", "left_images", "max_in_flight", "resets_at")
            return Refusal(limit=word, **{name: row[name] for name in names})
        case "earlier":
            return TakenBefore()
        case "submitting" | "queued" | "succeeded":
            return Recorded(JobState(word))
        case _:
            raise ValueError(f"a job was neither recorded nor refused: {word}")


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
