"""Use case: an operator has found an unknown job in the upstream's own list."""

from typing import Any
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.limits import Binding
from app.admin.take_unknown import show_moved, take_unknown, write_move
from app.audit.trail import Change
from app.errors import Conflict
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, Move
from app.jobs.look import is_known_upstream
from app.jobs.states import JobState
from app.storage.postgres import Transaction

# The team reads this in the job's timeline; the upstream's id is none of its business.
NOTE = "an operator has found it upstream"


async def bind_unknown(
    admin: AdminContext, jobs: JobContext, actor: str, job_id: UUID, binding: Binding
) -> dict[str, Any]:
    """Gives the job the upstream's id; from there on it is followed to its end like every other.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not unknown any more, the id is another job's, or the upstream does not know it.
        UpstreamUnavailable: the upstream cannot be asked whether it knows the id; nothing was changed.
        StorageUnavailable: nothing was changed.
    """
    model_id = await _model_of(admin, job_id)
    if model_id is not None and not await is_known_upstream(jobs, model_id, binding.upstream_id):
        raise Conflict("The upstream knows no request of this id for this model. Nothing was changed.")
    async with admin.database.transaction() as transaction:
        await unknown_repository.lock_bindings(transaction)
        job = await take_unknown(transaction, jobs, job_id)
        await _require_free(transaction, job, binding.upstream_id)
        move = _bound(job, binding.upstream_id)
        await write_move(transaction, jobs, move)
        before = {"state": job.state}
        after = {"state": move.after, "upstream_id": binding.upstream_id, "note": binding.note}
        await admin.trail.append(transaction, Change(actor, "job.bind", str(job_id), before, after))
    await show_moved(jobs, move)
    return {"id": str(job_id), **after}


async def _model_of(admin: AdminContext, job_id: UUID) -> str | None:
    """The model of a job that is unknown; there is nothing to ask about another one."""
    row = await unknown_repository.unknown_job(admin.database, job_id)
    return row["model"] if row is not None and row["state"] == JobState.UNKNOWN else None


async def _require_free(transaction: Transaction, job: ClaimedJob, upstream_id: str) -> None:
    holder = await unknown_repository.holder_of(transaction, upstream_id)
    if holder is not None and holder != job.job_id:
        raise Conflict(f"The upstream's id is that of job {holder} already. Nothing was changed.")


def _bound(job: ClaimedJob, upstream_id: str) -> Move:
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.QUEUED,
        look_in_seconds=0.0,
        pull_in_seconds=0.0,
        upstream_id=upstream_id,
        note=NOTE,
    )
