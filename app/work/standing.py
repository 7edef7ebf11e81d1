"""Use case: how everything stands, for the page of metrics."""

from typing import Final

from app.billing.allowance_repository import count_nearly_spent
from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.operations.health import PartState, readiness
from app.operations.metrics import Standing
from app.storage.postgres import Database
from app.storage.redis import Speed
from app.vault.context import Vault
from app.work.repository import count_due
from app.work.workers import Workers

NEARLY: Final = 0.9


async def standing_of(
    database: Database, speed: Speed, jobs: JobContext, vault: Vault, workers: Workers | None
) -> Standing:
    """Asks the parts and, where they are there, the tables."""
    found = await readiness(
        database,
        speed,
        has_worker=workers is not None,
        worker_ticked_at=workers.follower.ticked_at if workers else None,
        is_vault_well=vault.store.is_well,
    )
    parts = {
        part: state is PartState.OK for part, state in found.parts.items() if state is not PartState.ELSEWHERE
    }
    try:
        return Standing(
            parts=parts,
            open_jobs=await jobs.repository.count_open(),
            backlog=await count_due(database),
            nearly_spent=await count_nearly_spent(database, NEARLY),
        )
    except StorageUnavailable:
        return Standing(parts=parts)
