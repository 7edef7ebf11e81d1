"""One tick: take over what is due and take each one step further; decides when, never what."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import structlog

from app.errors import StorageUnavailable
from app.operations.metrics import Metrics

log = structlog.get_logger()

CLAIM_AT_MOST = 200


class Claimed(Protocol):
    """A row of the work table that this process owns until its lease is over."""

    @property
    def job_id(self) -> UUID:
        """Whose row it is."""

    @property
    def lag_seconds(self) -> float:
        """How long it was due before it was claimed."""


Owed = TypeVar("Owed", bound=Claimed)


class Duty(Protocol[Owed]):
    """One kind of work: which rows are taken over, and what is done about each.

    Attributes:
        kind: as it stands in the work table.
        slots: how many steps are under way at most.
    """

    @property
    def kind(self) -> str:
        """As it stands in the work table."""

    @property
    def slots(self) -> int:
        """How many steps are under way at most."""

    async def claim(self, limit: int) -> Sequence[Owed]:
        """Takes over rows that are due.

        Raises:
            StorageUnavailable: nothing was claimed, or what was claimed comes due again.
        """

    async def step(self, owed: Owed) -> None:
        """Does what is owed, and writes it.

        Raises:
            StorageUnavailable: the lease brings it back.
        """


@dataclass(slots=True)
class Steps(Generic[Owed]):
    """The steps under way in this process, as many as the duty has slots."""

    group: asyncio.TaskGroup
    duty: Duty[Owed]
    running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def free(self) -> int:
        """How many more rows may be taken over now."""
        return min(self.duty.slots - len(self.running), CLAIM_AT_MOST)

    def start(self, owed: Owed) -> None:
        """Begins one step; it ends by itself, whatever happens."""
        task = self.group.create_task(step(self.duty, owed))
        self.running.add(task)
        task.add_done_callback(self.running.discard)


async def run_tick(steps: Steps[Owed], room: int, metrics: Metrics) -> int:
    """Claims as many due rows as there is room for and starts a step for each; returns how many.

    Raises:
        StorageUnavailable: nothing was claimed, or what was claimed comes due again.
    """
    claimed = await steps.duty.claim(room)
    for owed in claimed:
        metrics.taken_up(steps.duty.kind, owed.lag_seconds)
        steps.start(owed)
    return len(claimed)


async def step(duty: Duty[Owed], owed: Owed) -> None:
    """Takes one row one step further; after a fault the lease brings it back."""
    try:
        await duty.step(owed)
    except StorageUnavailable as error:
        log.warning("work.not_recorded", kind=duty.kind, job_id=str(owed.job_id), error=error.detail)
    except Exception:
        log.exception("work.failed", kind=duty.kind, job_id=str(owed.job_id))
