"""Use case: take one claimed job one step further, and say what to write about it."""

from dataclasses import replace

import structlog

from app.billing.settlement import charge_reserved
from app.jobs.context import JobContext
from app.jobs.follow_source import follow_source
from app.jobs.hand_over import HandOver, hand_over, patience_seconds, unavailable
from app.jobs.job import ClaimedJob, Move
from app.jobs.look import look_at
from app.jobs.schedule import after_failure
from app.jobs.states import JobState
from app.upstream.result_room import Place

log = structlog.get_logger()


async def follow_job(context: JobContext, job: ClaimedJob, place: Place) -> Move | None:
    """One step of one job; None when somebody else owns it by now.

    A large result in the move is held in the place, which is given back once that is written.

    Raises:
        StorageUnavailable: the lease runs out by itself and the step is tried again.
    """
    if job.source_job_id is not None:
        return await follow_source(context, job)
    if job.told_id is not None and job.upstream_id is None:
        return await _bind(context, job, job.told_id)
    match job.state:
        case JobState.ACCEPTED:
            return await _send(context, job)
        case JobState.SUBMITTING:
            return _unknown(context, job)
        case JobState.UNKNOWN:
            return lost(job)
        case _:
            return await look_at(context, job, place)


async def _send(context: JobContext, job: ClaimedJob) -> Move | None:
    """Nothing of this job has reached the upstream: it may be sent now, by its owner alone.

    A few go out side by side, so that an upstream which comes back is not met by all that waited for it. An
    operator may have a job sent again at any age; it is tried once then.
    """
    again = HandOver(
        job_id=job.job_id,
        epoch=job.epoch,
        model_id=job.model_id,
        upstream_input=b"",
        upstream_headers={},
        failed_tries=job.failed_looks,
        has_waited=True,
    )
    if job.failed_looks > 0 and job.created_seconds > context.settings.accepted_patience_seconds:
        return unavailable(again, JobState.ACCEPTED, "the upstream could not be reached for too long")
    if not context.outlet.enter():
        return _put_off(context, job)
    try:
        body, headers = await context.repository.input_of(job.job_id)
        if not await context.moving.ask(_submitting(context, job)):
            return None
        return await hand_over(
            context, replace(again, upstream_input=body, upstream_headers=headers, has_uploads=True)
        )
    finally:
        context.outlet.leave()


def _put_off(context: JobContext, job: ClaimedJob) -> Move:
    """It comes again soon where others are just being sent, and ever later while the upstream is away."""
    is_away = context.upstream.breaker.is_shut and job.failed_looks > 0
    tries = job.failed_looks if is_away else 0
    look = after_failure(tries, None, context.jitter())
    return Move.stay(job, look=look, failed_looks=job.failed_looks + is_away)


async def _bind(context: JobContext, job: ClaimedJob, upstream_id: str) -> Move | None:
    """The upstream told us of the end of this job: so it has taken it, whatever became of its answer."""
    before = job.state
    if before is JobState.ACCEPTED:
        before = JobState.SUBMITTING
        if not await context.moving.ask(_submitting(context, job)):
            return None
    log.warning("job.bound", job_id=str(job.job_id), state=job.state)
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=before,
        after=JobState.QUEUED,
        look_in_seconds=0.0,
        pull_in_seconds=0.0,
        upstream_id=upstream_id,
        note="the upstream's webhook told that it has this job",
    )


def _submitting(context: JobContext, job: ClaimedJob) -> Move:
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=JobState.ACCEPTED,
        after=JobState.SUBMITTING,
        look_in_seconds=context.settings.lease_seconds,
        pull_in_seconds=context.settings.lease_seconds,
    )


def _unknown(context: JobContext, job: ClaimedJob) -> Move:
    """Its lease is over: whoever sent it has died or lost the database in between."""
    patience = patience_seconds(context)
    log.error("job.unknown", job_id=str(job.job_id))
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.UNKNOWN,
        look_in_seconds=patience,
        pull_in_seconds=patience,
        note="the process that sent it ended before the answer was recorded",
    )


def lost(job: ClaimedJob) -> Move:
    """The end of a job of which nothing was heard in time, or whose operator has given it up."""
    log.error("job.lost", job_id=str(job.job_id))
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.LOST,
        error="The upstream may or may not have accepted this job; it was not sent twice.",
        error_type="submit_unknown",
        note="nothing was heard of it in time; what was reserved stays charged",
        settlement=charge_reserved(job.price),
    )
