"""A duty whose steps are told in the traces of their jobs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Generic
from uuid import UUID

import structlog

from app.errors import StorageUnavailable
from app.operations.tracing.tracing import Tracing
from app.work.tick import Duty, Owed

log = structlog.get_logger()

# What the steps of a duty are called in traces; others by their kind.
NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"follow": "look at job", "deliver": "deliver webhook", "archive": "archive pictures"}
)

KeptTraces = Callable[[Sequence[UUID]], Awaitable[Mapping[UUID, str]]]


class Traced(Generic[Owed]):
    """The duty inside, with a step of a trace around each of its own.

    Args:
        duty: what is done.
        tracing: where the steps are told.
        kept: finds what was kept of the traces that callers sent along with their jobs.
    """

    def __init__(self, duty: Duty[Owed], tracing: Tracing, kept: KeptTraces) -> None:
        self._duty = duty
        self._tracing = tracing
        self._kept = kept
        self._under_way: dict[UUID, str] = {}

    @property
    def kind(self) -> str:
        """As it stands in the work table."""
        return self._duty.kind

    @property
    def slots(self) -> int:
        """How many steps are under way at most."""
        return self._duty.slots

    async def claim(self, limit: int) -> Sequence[Owed]:
        """Takes over rows that are due, and finds the traces of their jobs by one statement for all."""
        claimed = await self._duty.claim(limit)
        if claimed:
            try:
                self._under_way |= await self._kept([owed.job_id for owed in claimed])
            except StorageUnavailable:
                # They are claimed: it is better to do them in another trace than not at all.
                log.info("traces.unknown", kind=self.kind, jobs=len(claimed))
        return claimed

    async def step(self, owed: Owed) -> None:
        """Does what is owed."""
        kept = self._under_way.pop(owed.job_id, None)
        name = NAMES.get(self.kind, self.kind)
        with self._tracing.of_job(name, owed.job_id, kept):
            await self._duty.step(owed)


def traced(duty: Duty[Owed], tracing: Tracing | None, kept: KeptTraces) -> Duty[Owed]:
    """The duty as it is where nothing is traced."""
    return duty if tracing is None else Traced(duty, tracing, kept)
