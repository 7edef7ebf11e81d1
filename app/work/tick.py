"""One tick: take over jobs that are due and take each one step further; decides when, never what."""

import asyncio
from dataclasses import dataclass, field

import structlog

from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.follow import follow_job
from app.jobs.job import ClaimedJob, JobView, Move
from app.jobs.keep import keep, share
from app.jobs.read import load_view

log = structlog.get_logger()

CLAIM_AT_MOST = 200


@dataclass(slots=True)
class Steps:
    """The steps under way in this process, at most `slots` of them."""

    group: asyncio.TaskGroup
    slots: int
    running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def free(self) -> int:
        """How many more jobs may be taken over now."""
        return min(self.slots - len(self.running), CLAIM_AT_MOST)

    def start(self, context: JobContext, job: ClaimedJob) -> None:
        """Begins one step; it ends by itself, whatever happens."""
        task = self.group.create_task(step(context, job))
        self.running.add(task)
        task.add_done_callback(self.running.discard)


async def run_tick(context: JobContext, steps: Steps) -> int:
    """Claims as many due jobs as there are free slots and starts a step for each; returns how many.

    Raises:
        StorageUnavailable: nothing was claimed, or what was claimed comes due again.
    """
    jobs = await context.repository.claim_due(steps.free)
    for job in jobs:
        context.metrics.taken_up(job.lag_seconds)
        steps.start(context, job)
    return len(jobs)


async def step(context: JobContext, job: ClaimedJob) -> None:
    """Follows one job and writes what was seen; after a fault the lease brings the job back."""
    try:
        move = await follow_job(context, job)
        if move is not None:
            await _record(context, job, move)
    except StorageUnavailable as error:
        log.warning("follow.not_recorded", job_id=str(job.job_id), error=error.detail)
    except Exception:
        log.exception("follow.failed", job_id=str(job.job_id))


async def _record(context: JobContext, job: ClaimedJob, move: Move) -> None:
    if await context.following.ask(move):
        if move.run_seconds is not None:
            context.run_times.learn(job.model_id, move.run_seconds)
        await _keep(context, job, move)
    else:
        log.info("follow.fenced", job_id=str(job.job_id))
        context.views.forget(str(job.job_id))


async def _keep(context: JobContext, job: ClaimedJob, move: Move) -> None:
    """Lets reads, and whoever waits, see the move."""
    view = context.views.last(str(job.job_id))
    if view is None and job.looked_seconds is not None:
        # Another process has looked before: logs of its looks are known to the database alone.
        view = await load_view(context, str(job.job_id))
    after = keep(context, view or view_of(job), move)
    if move.is_change:
        await share(context, after)


def view_of(job: ClaimedJob) -> JobView:
    """What a claim tells of a job."""
    return JobView(
        id=str(job.job_id),
        team_id=job.team_id,
        key_id=job.key_id,
        model_id=job.model_id,
        state=job.state,
        token_id=job.token_id,
        cache=job.cache,
        source_job_id=job.source_job_id,
        queue_position=job.queue_position,
    )
