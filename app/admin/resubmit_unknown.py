"""Use case: an operator has an unknown job sent again, knowing that it may be paid for twice."""

from typing import Any
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.limits import Resubmission
from app.admin.take_unknown import lock_allowances, show_moved, take_unknown, write_move
from app.audit.trail import Change
from app.billing.money import usd_or_none
from app.errors import Conflict
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, Move
from app.jobs.states import JobState
from app.storage.postgres import Transaction

# The team reads this in the job's timeline and in its ledger.
NOTE = "sent again by an operator; the upstream may have taken the first try as well"


async def resubmit_unknown(
    admin: AdminContext, jobs: JobContext, actor: str, job_id: UUID, resubmission: Resubmission
) -> dict[str, Any]:
    """Sends the same job once more; what the first try may have cost is charged until somebody settles it.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not unknown any more, was sent again before, or cannot be sent.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        job = await take_unknown(transaction, jobs, job_id)
        await _require_sendable(transaction, job)
        await lock_allowances(transaction, job)
        entry = await unknown_repository.resubmit(transaction, job_id, NOTE)
        if entry is None:
            raise Conflict("This job was sent again before; a third time is not possible.")
        move = _accepted(job)
        await write_move(transaction, jobs, move)
        before = {"state": job.state}
        charged = usd_or_none(entry["spent_micros"])
        after = {"state": move.after, "charged_usd": charged, "note": resubmission.note}
        await admin.trail.append(transaction, Change(actor, "job.resubmit", str(job_id), before, after))
    await show_moved(jobs, move)
    return {"id": str(job_id), **after}


async def _require_sendable(transaction: Transaction, job: ClaimedJob) -> None:
    if job.cancelled_seconds is not None:
        raise Conflict("Its caller has cancelled this job; it is not sent again.")
    possible = await unknown_repository.possible(transaction, job.job_id)
    if not possible["has_input"]:
        raise Conflict("What this job asked for is not stored any more; it cannot be sent again.")
    if not possible["is_let_in"]:
        raise Conflict("The key of this job, or its team, is revoked or expired; it is not sent again.")


def _accepted(job: ClaimedJob) -> Move:
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.ACCEPTED,
        look_in_seconds=0.0,
        pull_in_seconds=0.0,
        note=NOTE,
    )
