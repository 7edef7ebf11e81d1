"""Whether this process can do its work, part by part."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.errors import StorageUnavailable
from app.storage.postgres import Database
from app.storage.redis import Speed

# Longer than the worker ever sleeps between two ticks, and than a slow claim takes.
WORKER_SILENCE_SECONDS = 10.0

PING = "SELECT 1"


class PartState(StrEnum):
    """How one part is."""

    OK = "ok"
    DOWN = "down"
    DEGRADED = "degraded"  # away, but nothing depends on it for a right answer
    ELSEWHERE = "elsewhere"  # another process does this


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of each part; the process is ready unless one of them is down."""

    parts: Mapping[str, PartState]

    @property
    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        return PartState.DOWN not in self.parts.values()


async def readiness(
    database: Database,
    speed: Speed,
    *,
    has_worker: bool,
    worker_ticked_at: float | None,
    is_vault_well: bool | None = None,
) -> Readiness:
    """Asks each part. `worker_ticked_at` is the monotonic time of the worker's last tick.

    The vault is named once it was used, by how its store answered last: most have none.
    """
    parts = {
        "postgres": await _postgres(database),
        "redis": PartState.OK if await speed.is_answering() else PartState.DEGRADED,
        "worker": _worker(worker_ticked_at) if has_worker else PartState.ELSEWHERE,
    }
    if is_vault_well is not None:
        parts["vault"] = PartState.OK if is_vault_well else PartState.DEGRADED
    return Readiness(parts)


async def _postgres(database: Database) -> PartState:
    try:
        await database.execute(PING)
    except StorageUnavailable:
        return PartState.DOWN
    return PartState.OK


def _worker(ticked_at: float | None) -> PartState:
    is_alive = ticked_at is not None and time.monotonic() - ticked_at < WORKER_SILENCE_SECONDS
    return PartState.OK if is_alive else PartState.DOWN
