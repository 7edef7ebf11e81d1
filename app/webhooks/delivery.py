"""A webhook that is owed: as it is claimed, tried and written; and what follows from a try. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from uuid import UUID

from app.webhooks.backoff import asked_seconds, pause_seconds


class DeliveryState(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"  # it is tried, or will be
    DELIVERED = "delivered"  # a receiver answered 2xx
    FAILED = "failed"  # given up; it can be repeated


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A webhook that this process owns until its lease is over.

    Attributes:
        epoch: the fencing number; a write with an older one changes nothing.
        failed_tries: since it was first due, or was last asked to be repeated.
        host: host and port of the receiver.
        large_bytes: what the job's result takes of the room for large ones; 0 where it is small.
        lag_seconds: how long it was due before it was claimed.
    """

    job_id: UUID
    epoch: int
    failed_tries: int
    team_id: UUID
    url: str
    host: str
    large_bytes: int
    lag_seconds: float


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one try: a status code, or in one sentence why there is none.

    Attributes:
        cause: for the operator's log alone; it may tell what callers are not told.
        retry_after_seconds: for how long the receiver asked to be left alone.
    """

    status_code: int | None
    error: str | None
    milliseconds: int
    cause: str | None = None
    retry_after_seconds: float | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has it: only 2xx counts, a redirect is a refusal."""
        return self.status_code is not None and 200 <= self.status_code < 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a delivery stands after a try, and when it is tried again; None for a state that is final."""

    state: DeliveryState
    again_in_seconds: float | None


def verdict_on(tried: Tried, *, failed_tries: int, jitter: float) -> Verdict:
    """What follows from a try, after so many that failed before it.

    A receiver that says it is gone is believed; one that asks for time gets it, but no further tries.
    """
    if tried.is_accepted:
        return Verdict(DeliveryState.DELIVERED, None)
    pause = pause_seconds(failed_tries + 1, jitter)
    if pause is None or tried.status_code == HTTPStatus.GONE:
        return Verdict(DeliveryState.FAILED, None)
    return Verdict(DeliveryState.PENDING, max(pause, asked_seconds(tried.retry_after_seconds, jitter)))
