"""For how long this installation keeps things where a team does not say."""

from dataclasses import dataclass
from typing import Self

from app.settings import Settings


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say; None is for ever.

    Attributes:
        grace_seconds: how long results of teams that keep digests or nothing can be fetched.
        delivery_days: how long is kept what became of webhooks.
    """

    grace_seconds: int
    payload_days: int | None
    job_days: int | None
    delivery_days: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The terms of an installation."""
        return cls(
            grace_seconds=settings.result_grace_seconds,
            payload_days=settings.payload_days,
            job_days=settings.job_days,
            delivery_days=settings.delivery_days,
        )
