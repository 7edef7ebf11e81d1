"""Whether the upstream's webhooks arrive, known to every process within seconds."""

import asyncio
import time
from contextlib import suppress

from app.errors import StorageUnavailable
from app.webhooks.incoming_health_repository import HEARD, MISSED, IncomingHealthRepository

REFRESH_SECONDS = 5.0
BETWEEN_NOTES_SECONDS = 2.0
# After so long without any, the next job shows anew whether they arrive.
TRUSTED_SECONDS = 3600.0


def arrive(heard_seconds: float | None, missed_seconds: float | None) -> bool:
    """Whether webhooks are to be relied on: one came lately, and none has been missed since. Pure.

    Args:
        heard_seconds: since the last one that was good; None before the first.
        missed_seconds: since a job was last found to have ended that nobody told of.
    """
    if heard_seconds is None or heard_seconds >= TRUSTED_SECONDS:
        return False
    return missed_seconds is None or heard_seconds < missed_seconds


class IncomingHealth:
    """What this process believes, and tells the others."""

    def __init__(self, repository: IncomingHealthRepository) -> None:
        self._repository = repository
        self._noted_at: dict[str, float] = {}
        self._learned = 0
        self._being_noted = 0
        self._stopping = asyncio.Event()
        self.is_good = False

    async def heard(self) -> None:
        """A good webhook has just come."""
        self.is_good = True
        self._learned += 1
        await self._note(HEARD)

    async def missed(self) -> None:
        """A job had ended long enough that its webhook should have come, and it has not."""
        self.is_good = False
        self._learned += 1
        await self._note(MISSED)

    async def run(self) -> None:
        """Learns what other processes have noted, until `stop`; the lifespan keeps this in its task group."""
        while not self._stopping.is_set():
            with suppress(StorageUnavailable):
                await self._refresh()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), REFRESH_SECONDS)

    def stop(self) -> None:
        """Lets `run` return; twice is once."""
        self._stopping.set()

    async def _refresh(self) -> None:
        # What this process has just learned itself is newer than what it would read.
        if self._being_noted:
            return
        learned = self._learned
        ages = await self._repository.ages()
        if learned == self._learned:
            self.is_good = arrive(ages.get(HEARD), ages.get(MISSED))

    async def _note(self, name: str) -> None:
        """At most one write in two seconds; that one is lost costs a few looks, or a few seconds."""
        now = time.monotonic()
        if now - self._noted_at.get(name, float("-inf")) < BETWEEN_NOTES_SECONDS:
            return
        self._noted_at[name] = now
        self._being_noted += 1
        try:
            await self._repository.note(name)
        except StorageUnavailable:
            del self._noted_at[name]
        finally:
            self._being_noted -= 1
