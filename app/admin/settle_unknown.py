"""Use case: an operator has found out what a lost job cost."""

from typing import Any
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.limits import Settlement
from app.audit.trail import Change
from app.billing import allowance_repository
from app.billing.money import usd, usd_or_none
from app.errors import Conflict, NotFound
from app.storage.postgres import Row


async def settle_unknown(
    admin: AdminContext, actor: str, job_id: UUID, settlement: Settlement
) -> dict[str, Any]:
    """Replaces what was charged for a lost job, once and for all, in the ledger and in all that is counted.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not lost, or it was settled before.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        job = await unknown_repository.scopes_of(transaction, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        scopes = [job[name] for name in ("team_id", "key_id", "token_id") if job[name] is not None]
        await allowance_repository.lock(transaction, scopes)
        settled = await unknown_repository.settle(
            transaction, job_id, settlement.cost_micros, settlement.note
        )
        if settled is None:
            raise Conflict(_why_not(job))
        before = {"cost_usd": usd_or_none(settled["charged_micros"])}
        after = {"cost_usd": usd(settlement.cost_micros), "note": settlement.note}
        await admin.trail.append(transaction, Change(actor, "job.settle", str(job_id), before, after))
    return {
        "id": str(job_id),
        "charged_usd": usd_or_none(settled["charged_micros"]),
        "adjusted_usd": usd(settled["adjusted_micros"]),
        **after,
    }


def _why_not(job: Row) -> str:
    if job["source_job_id"] is not None:
        return "This job was answered by another one; it costs nothing itself."
    if job["state"] == "lost":
        return "This job's cost is settled already."
    return f"Only the cost of a lost job can be settled; this one is {job['state']}."
