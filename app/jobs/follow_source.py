"""Following a job that waits for another one's answer: it ends as that one ends, and costs nothing."""

from dataclasses import replace

from app.billing.settlement import Settlement
from app.jobs.context import JobContext
from app.jobs.job import ANSWER_LOOK_SECONDS, ClaimedJob, Move
from app.jobs.schedule import Look
from app.jobs.states import TERMINAL, JobState
from app.storage.postgres import Row

RUNNING = frozenset({JobState.RUNNING, JobState.FETCHING})


async def follow_source(context: JobContext, job: ClaimedJob) -> Move:
    """The move that the other job's state asks for.

    Raises:
        StorageUnavailable: the lease runs out by itself and the step is tried again.
    """
    assert job.source_job_id is not None  # noqa: S101 # the caller has looked
    source = await context.repository.source(job.source_job_id)
    state = JobState(source["state"])
    if state not in TERMINAL:
        return _wait(job, state, source["queue_position"])
    return _end(job, state, source)


def _wait(job: ClaimedJob, state: JobState, queue_position: int | None) -> Move:
    after = JobState.RUNNING if state in RUNNING or job.state is JobState.RUNNING else JobState.QUEUED
    position = None if after is JobState.RUNNING else queue_position
    stay = Move.stay(job, look=Look(ANSWER_LOOK_SECONDS, ANSWER_LOOK_SECONDS))
    is_change = after is not job.state or position != job.queue_position
    return replace(stay, after=after, queue_position=position, is_change=is_change)


def _end(job: ClaimedJob, state: JobState, source: Row) -> Move:
    images, saved_micros = source["images"] or 0, source["cost_micros"]
    if state is JobState.SUCCEEDED:
        settlement = Settlement("charge", 0, images)
        return Move(
            job_id=job.job_id,
            epoch=job.epoch,
            before=job.state,
            after=state,
            settlement=settlement,
            saved_micros=saved_micros,
        )
    error, error_type = source["error"], source["error_type"]
    if state is JobState.CANCELLED:
        error = "The job whose answer this one waited for was cancelled; send it again."
        error_type = "upstream_unavailable"
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.FAILED,
        error=error,
        error_type=error_type,
        note=f"the job that it joined is {state}",
        settlement=Settlement("release", 0, 0),
    )
