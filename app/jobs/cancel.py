"""Use case: stop a job."""

from enum import StrEnum
from time import perf_counter
from uuid import UUID

from app.billing.settlement import release
from app.catalogue.lookup import app_id_of
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, JobView, Move
from app.jobs.keep import keep, share
from app.jobs.read import load_view
from app.jobs.states import JobState
from app.jobs.tell_trace import in_trace_of, tell_written
from app.operations.tracing.step import current_step

CANCELLED_ERROR = "The job was cancelled."
CANCELLED_TYPE = "client_cancelled"
WITH_UPSTREAM = frozenset({JobState.QUEUED, JobState.RUNNING, JobState.FETCHING})


class CancelAnswer(StrEnum):
    """fal's words for what became of a cancellation."""

    OK = "OK"
    REQUESTED = "CANCELLATION_REQUESTED"
    TOO_LATE = "ALREADY_COMPLETED"


async def cancel_job(context: JobContext, view: JobView, *, by: str = "the caller") -> CancelAnswer:
    """Stops the job where that is still possible; otherwise notes the wish and follows it to its end.

    A job that waits for another one's answer stops alone; one whose answer others wait for goes on. The
    timeline says who stopped it.

    Raises:
        StorageUnavailable: nothing was changed.
    """
    if view.is_final:
        return CancelAnswer.TOO_LATE
    await in_trace_of(context, UUID(view.id))
    if view.source_job_id is not None:
        return CancelAnswer.OK if await _end(context, view, WITH_UPSTREAM, by) else CancelAnswer.TOO_LATE
    if await context.repository.has_joined(UUID(view.id)):
        return CancelAnswer.REQUESTED
    if await _end(context, view, frozenset({JobState.ACCEPTED}), by):
        return CancelAnswer.OK
    noted = await context.repository.request_cancel(UUID(view.id))
    if noted is None:
        return CancelAnswer.TOO_LATE
    if noted.upstream_id is None or not context.upstream.profile.has_cancel:
        return CancelAnswer.REQUESTED
    return await _stop_upstream(context, view, noted.upstream_id, by)


def cancelled(job: ClaimedJob, note: str) -> Move:
    """The end of a job that was stopped before it made anything."""
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.CANCELLED,
        error=CANCELLED_ERROR,
        error_type=CANCELLED_TYPE,
        note=note,
        settlement=release(),
    )


async def _stop_upstream(context: JobContext, view: JobView, upstream_id: str, by: str) -> CancelAnswer:
    """What nobody answers here, the follower asks again at its next look.

    It may also pass the wish on first, or see what came of it: then the job has ended as it was to.
    """
    word = await context.upstream.cancel(app_id_of(view.model_id), upstream_id)
    if word not in ("OK", "ALREADY_COMPLETED"):
        return CancelAnswer.REQUESTED
    if word == "OK" and await _end(context, view, WITH_UPSTREAM, by):
        return CancelAnswer.OK
    by_now = await load_view(context, view.id)
    is_cancelled = by_now is not None and by_now.state is JobState.CANCELLED
    return CancelAnswer.OK if is_cancelled else CancelAnswer.TOO_LATE


async def _end(context: JobContext, view: JobView, states: frozenset[JobState], by: str) -> bool:
    """Takes the job over from whoever follows it and ends it, when it is in one of these states."""
    job = await context.repository.claim_one(UUID(view.id), states)
    if job is None:
        return False
    move = cancelled(job, f"cancelled by {by}")
    started = perf_counter()
    if not await context.moving.ask(move):
        return False
    context.metrics.ended(move.after, job.created_seconds, spent_micros=None)
    if (step := current_step()) is not None:
        tell_written(step, move, started)
    if job.has_webhook:
        context.deliver_now()
    await share(context, keep(context, view, move))
    return True
