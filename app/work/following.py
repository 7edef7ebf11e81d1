"""The duty to follow jobs to their ends."""

from collections.abc import Sequence
from time import monotonic, perf_counter

import structlog

from app.jobs.context import JobContext
from app.jobs.follow import follow_job
from app.jobs.job import ClaimedJob, JobView, Move
from app.jobs.keep import keep, share
from app.jobs.read import load_view
from app.jobs.tell_trace import tell_waits, tell_written
from app.operations.tracing.step import Step, current_step
from app.work.reach import Reach

log = structlog.get_logger()

# Jobs that are looked at side by side while the upstream does not answer this process: enough to find out
# when it does again. All others are left to workers that may reach it, and none waits here for its timeout.
SLOTS_IN_SILENCE = 2
# A worker knows to the moment when a job that it looked at is due again, and would be the first to take it
# every time; others look what is due twice a second. So it lets them go first from the first call on that was
# not answered: one that is cut off with a single job in hand would need a minute to see that it is.
AFTER_OTHERS_SECONDS = 1.0


class Following:
    """Looks at jobs when their next look is due, and writes what was seen."""

    kind = "follow"

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._reach = Reach()

    @property
    def slots(self) -> int:
        """Jobs that are looked at side by side."""
        most = self._context.settings.worker_slots
        return min(most, SLOTS_IN_SILENCE) if self._context.upstream.is_silent else most

    async def claim(self, limit: int) -> Sequence[ClaimedJob]:
        """Jobs that are due, those that have waited longest first."""
        started = monotonic()
        back_seconds = self._reach.back_seconds(started)
        others_first_seconds = AFTER_OTHERS_SECONDS if self._context.upstream.was_silent else 0.0
        claimed = await self._context.repository.claim_due(
            limit, back_seconds=back_seconds, others_first_seconds=others_first_seconds
        )
        is_full = len(claimed) >= limit
        left_seconds = min(owed.lag_seconds for owed in claimed) if is_full else others_first_seconds
        self._reach.claimed(started, left_seconds)
        return claimed

    async def step(self, owed: ClaimedJob) -> None:
        """Follows one job and writes what was seen."""
        claimed = perf_counter()
        with self._context.upstream.room.place() as place:
            move = await follow_job(self._context, owed, place)
            if move is None:
                return
            if await _record(self._context, owed, move) and move.settlement is not None:
                seconds = owed.created_seconds + perf_counter() - claimed
                self._context.metrics.ended(move.after, seconds, move.settlement.spent_micros)


async def _record(context: JobContext, job: ClaimedJob, move: Move) -> bool:
    started = perf_counter()
    is_ours = await context.following.ask(move)
    if (step := current_step()) is not None:
        _tell(step, job, move, started, is_ours=is_ours)
    if is_ours:
        if move.run_seconds is not None:
            context.run_times.learn(job.model_id, move.run_seconds, monotonic())
        if job.has_webhook and move.settlement is not None:
            context.deliver_now()
        await _keep(context, job, move)
    else:
        log.info("follow.fenced", job_id=str(job.job_id))
        context.views.forget(str(job.job_id))
    return is_ours


def _tell(step: Step, job: ClaimedJob, move: Move, started: float, *, is_ours: bool) -> None:
    step.note(team=str(job.team_id), model=job.model_id, job_state=move.after)
    if not is_ours:
        step.error = "fenced"
        return
    tell_waits(step, job, move)
    tell_written(step, move, started)


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
