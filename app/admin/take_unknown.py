"""Taking an unknown job over from whoever follows it, within the transaction that decides about it."""

from uuid import UUID

from app.admin import unknown_repository
from app.billing import allowance_repository
from app.errors import Conflict, NotFound
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, Move
from app.jobs.keep import keep, share
from app.jobs.read import load_view
from app.jobs.states import JobState
from app.storage.postgres import Transaction

UNKNOWN = frozenset({JobState.UNKNOWN})


async def take_unknown(transaction: Transaction, jobs: JobContext, job_id: UUID) -> ClaimedJob:
    """The job, which nobody else can move until the commit: who has it now finds its epoch gone.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not unknown, or the upstream has told that it has it.
    """
    job = await jobs.repository.within(transaction).claim_one(job_id, UNKNOWN)
    if job is None:
        standing = await unknown_repository.scopes_of(transaction, job_id)
        if standing is None:
            raise NotFound(f"There is no job {job_id}.")
        raise Conflict(f"This is for unknown jobs alone; this one is {standing['state']} now.")
    if job.told_id is not None:
        raise Conflict("The upstream has told that it has this job; it is being looked at by itself.")
    return job


async def write_move(transaction: Transaction, jobs: JobContext, move: Move) -> None:
    """Moves a job that was taken over in this transaction.

    Raises:
        Conflict: something else became of it.
    """
    [is_moved] = await jobs.repository.within(transaction).move([move])
    if not is_moved:
        raise Conflict("Something else became of this job just now; nothing was changed.")


async def lock_allowances(transaction: Transaction, job: ClaimedJob) -> None:
    """Locks what the job counts on; comes after the job itself, as in every move."""
    scopes = [scope for scope in (job.team_id, job.key_id, job.token_id) if scope is not None]
    await allowance_repository.lock(transaction, scopes)


async def show_moved(jobs: JobContext, move: Move) -> None:
    """After the commit: lets reads, and whoever waits, see the move, and has it acted on now."""
    job_id = str(move.job_id)
    jobs.views.forget(job_id)
    view = await load_view(jobs, job_id)
    if view is not None:
        await share(jobs, keep(jobs, view, move))
