"""Use case: an operator says what a job cost of which nobody knew it."""

from typing import Any
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.limits import Settlement
from app.admin.take_unknown import show_moved, take_unknown, write_move
from app.audit.trail import Change
from app.billing import allowance_repository
from app.billing.money import usd, usd_or_none
from app.errors import Conflict, NotFound
from app.jobs.context import JobContext
from app.jobs.follow import lost
from app.jobs.job import Move
from app.jobs.states import JobState
from app.storage.postgres import Row, Transaction


async def settle_unknown(
    admin: AdminContext, jobs: JobContext, actor: str, job_id: UUID, settlement: Settlement
) -> dict[str, Any]:
    """Replaces what was charged, once and for all, in the ledger and in all that is counted.

    A job that is still unknown is given up by that: it becomes lost now.

    Raises:
        NotFound: there is no such job.
        Conflict: it is neither unknown nor lost nor sent again, or it was settled before.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        job = await unknown_repository.scopes_of(transaction, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        given_up = await _give_up(transaction, jobs, job_id) if job["state"] == JobState.UNKNOWN else None
        settled = await _settle(transaction, job, job_id, settlement)
        before = {"cost_usd": usd_or_none(settled["charged_micros"])}
        after = {"cost_usd": usd(settlement.cost_micros), "note": settlement.note}
        await admin.trail.append(transaction, Change(actor, "job.settle", str(job_id), before, after))
    if given_up is not None:
        await show_moved(jobs, given_up)
        jobs.deliver_now()
    return {
        "id": str(job_id),
        "charged_usd": usd_or_none(settled["charged_micros"]),
        "adjusted_usd": usd(settled["adjusted_micros"]),
        **after,
    }


async def _give_up(transaction: Transaction, jobs: JobContext, job_id: UUID) -> Move:
    move = lost(await take_unknown(transaction, jobs, job_id))
    await write_move(transaction, jobs, move)
    return move


async def _settle(transaction: Transaction, job: Row, job_id: UUID, settlement: Settlement) -> Row:
    scopes = [job[name] for name in ("team_id", "key_id", "token_id") if job[name] is not None]
    await allowance_repository.lock(transaction, scopes)
    settled = await unknown_repository.settle(transaction, job_id, settlement.cost_micros, settlement.note)
    if settled is None:
        raise Conflict(_why_not(job))
    return settled


def _why_not(job: Row) -> str:
    if job["source_job_id"] is not None:
        return "This job was answered by another one; it costs nothing itself."
    if job["is_resubmitted"] and job["completed_at"] is None:
        return "This job was sent again and has not ended yet; settle it then."
    if job["state"] == JobState.LOST or job["is_resubmitted"]:
        return "This job's cost is settled already."
    return f"Only the cost of an unknown or lost job can be settled; this one is {job['state']}."
