"""One look at a job that the upstream has: ask how it stands, and read what the answers make of it."""

from dataclasses import replace

import structlog

from app.billing.settlement import Settlement, charge_reserved, settle
from app.catalogue.lookup import app_id_of
from app.errors import UpstreamUnavailable
from app.jobs.cancel import CANCELLED_TYPE, cancelled
from app.jobs.context import JobContext
from app.jobs.job import ClaimedJob, Move
from app.jobs.schedule import after_failure, estimated_run_seconds, next_look
from app.jobs.states import JobState
from app.jobs.told import told_run_seconds, was_missed
from app.upstream.answer_pictures import answer_object, pictures_of
from app.upstream.answers import (
    Complete,
    Finished,
    Later,
    Missing,
    ModelAnswer,
    Pending,
    ResultAnswer,
    StatusAnswer,
    failure_of,
)
from app.upstream.errors import NoRoomError
from app.upstream.result_room import Place

log = structlog.get_logger()

# A result that is not there, or a 5xx in its place, is asked for so often before it is the end.
RESULT_TRIES = 5
# A look that found no room for its result comes again as after so many that failed: in two to four seconds.
AS_AFTER_FAILED_LOOKS = 2

CLIENT_CLOSED_REQUEST = 499
# As this a failure is settled whose result was answered with success: it costs nothing but billed units.
UNPROCESSABLE = 422


async def look_at(context: JobContext, job: ClaimedJob, place: Place) -> Move:
    """The move that the upstream's answers ask for; a look that tells nothing puts the next one off."""
    word = await _ask_to_cancel(context, job)
    if word == "OK":
        return cancelled(job, "cancelled by the caller")
    try:
        move = await _ask_about(context, job, place)
    except NoRoomError as error:
        move = _put_off(context, job, error)
    else:
        await _note_missed(context, job, move)
        if (over := _over(context, job, move)) is not None:
            return over
    return replace(move, cancel_answer=word, is_change=True) if word else move


async def _note_missed(context: JobContext, job: ClaimedJob, move: Move) -> None:
    if context.incoming is not None and was_missed(job, move):
        log.warning("webhook.missed", job_id=str(job.job_id))
        context.metrics.webhook_heard("missed")
        await context.incoming.health.missed()


def _over(context: JobContext, job: ClaimedJob, move: Move) -> Move | None:
    """The end of a job that goes on upstream for longer than it may."""
    if move.look_in_seconds is not None and job.submitted_seconds > context.settings.job_deadline_seconds:
        return _expired(job, "it took longer than the deadline")
    if move.look_in_seconds is not None and _is_given_up(context, job):
        gone = cancelled(job, "cancelled by the caller; the upstream had not ended it in time")
        return replace(gone, settlement=charge_reserved(job.price))
    return None


def _put_off(context: JobContext, job: ClaimedJob, error: NoRoomError) -> Move:
    """It is this process that had no room: no failure of the upstream's, and no reason to end the job."""
    log.info("look.put_off", job_id=str(job.job_id), reason=str(error))
    look = after_failure(AS_AFTER_FAILED_LOOKS, None, context.jitter())
    return Move.stay(job, look=look, failed_looks=job.failed_looks)


async def is_known_upstream(context: JobContext, model_id: str, upstream_id: str) -> bool:
    """Whether the upstream has a request of this id.

    Raises:
        UpstreamUnavailable: it cannot be asked at the moment.
    """
    app_id = app_id_of(model_id)
    answer: StatusAnswer | ResultAnswer = Missing()
    if context.upstream.has_status:
        answer = await context.upstream.status(app_id, upstream_id)
    if isinstance(answer, Missing):
        with context.upstream.room.place() as place:
            try:
                answer = await context.upstream.result(app_id, upstream_id, place)
            except NoRoomError as error:
                answer = Later(str(error))
    # A failed run answers its result with an error of its own.
    if isinstance(answer, Later) and answer.answer is None:
        raise UpstreamUnavailable(
            "The upstream cannot be asked about this id right now; nothing was changed."
        )
    return not isinstance(answer, Missing)


def _is_given_up(context: JobContext, job: ClaimedJob) -> bool:
    """Callers who cancelled wait for the end all the same; fal's Python client asks for it until it comes."""
    waited_seconds = job.cancelled_seconds or 0.0
    return waited_seconds > context.settings.cancel_patience_seconds


async def _ask_to_cancel(context: JobContext, job: ClaimedJob) -> str:
    """Passes on a cancellation that the upstream has not heard of yet."""
    if not job.must_ask_to_cancel or not context.upstream.profile.has_cancel:
        return ""
    return await context.upstream.cancel(app_id_of(job.model_id), str(job.upstream_id))


async def _ask_about(context: JobContext, job: ClaimedJob, place: Place) -> Move:
    """The result alone where the upstream told that it is there; if it is not, as if nobody had.

    An answer that is no refusal and has no picture may belong to a failure, which only the status tells.
    """
    if job.told_id is not None and not job.is_told:
        log.error("webhook.id_mismatch", job_id=str(job.job_id))
    if job.is_told and job.failed_looks == 0:
        result = await _result(context, job, place)
        if isinstance(result, Finished) and not _has_no_result(result.answer):
            return _finished(context, job, Complete(), result.answer)
        # What was not of use is not kept while the same is asked for again.
        del result
    return await _ask(context, job, place)


async def _ask(context: JobContext, job: ClaimedJob, place: Place) -> Move:
    """The status first, the result where it is complete; the result alone where there is no status."""
    if not context.upstream.has_status:
        return _read(context, job, None, await _result(context, job, place))
    match await context.upstream.status(app_id_of(job.model_id), str(job.upstream_id)):
        case Pending() as pending:
            return _pending(context, job, pending)
        case Later() as later:
            return _failed_look(context, job, later)
        case Complete() as complete:
            return _read(context, job, complete, await _result(context, job, place))
        case Missing():
            result = await _result(context, job, place)
            if not isinstance(result, Missing | Later):
                context.upstream.learn_no_status()
            return _read(context, job, None, result)


async def _result(context: JobContext, job: ClaimedJob, place: Place) -> ResultAnswer:
    return await context.upstream.result(app_id_of(job.model_id), str(job.upstream_id), place)


def _read(context: JobContext, job: ClaimedJob, complete: Complete | None, result: ResultAnswer) -> Move:
    match result:
        case Finished(answer):
            return _finished(context, job, complete or Complete(), answer)
        case Pending() as pending if complete is None:
            return _pending(context, job, pending)
        case Later(answer=ModelAnswer() as answer) if _is_failure(job, complete):
            return _finished(context, job, complete or Complete(), answer)
        case Missing() if job.failed_looks + 1 >= RESULT_TRIES:
            return _expired(job, "the upstream no longer knows it")
        case Later() as later:
            return _failed_look(context, job, later, is_complete=complete is not None)
        case _:
            later = Later("complete, but the result is not there")
            return _failed_look(context, job, later, is_complete=complete is not None)


def _is_failure(job: ClaimedJob, complete: Complete | None) -> bool:
    """Whether a 5xx in place of a result is the model's own failure, not a passing fault on the way."""
    if complete is None:
        return False
    says_so = complete.error is not None or complete.error_type is not None
    return says_so or job.failed_looks + 1 >= RESULT_TRIES


def _pending(context: JobContext, job: ClaimedJob, pending: Pending) -> Move:
    """Still under way; a job that was seen running does not go back into the queue."""
    is_running = pending.is_running or job.state is not JobState.QUEUED
    after = JobState.RUNNING if is_running and job.state is JobState.QUEUED else job.state
    position = None if is_running else pending.queue_position
    normal = next_look(
        submitted_seconds=job.submitted_seconds,
        queue_position=position,
        plan=context.run_times.plan(job.model_id),
        crowd_seconds=job.crowd_seconds,
        jitter=context.jitter(),
    )
    expects_webhook = job.expects_webhook and job.told_id is None
    stay = Move.stay(job, look=context.paced(normal, expects_webhook=expects_webhook))
    is_change = after != job.state or position != job.queue_position or pending.logs is not None
    return replace(stay, after=after, queue_position=position, logs=pending.logs, is_change=is_change)


def _failed_look(context: JobContext, job: ClaimedJob, later: Later, *, is_complete: bool = False) -> Move:
    look = after_failure(job.failed_looks, later.retry_after_seconds, context.jitter())
    if later.is_odd and job.failed_looks == 0:
        log.warning("upstream.odd_answer", job_id=str(job.job_id), reason=later.note)
    stay = Move.stay(job, look=look, failed_looks=job.failed_looks + 1)
    if is_complete and job.state is not JobState.FETCHING:
        return replace(stay, after=JobState.FETCHING, queue_position=None, note=later.note, is_change=True)
    return stay


def _finished(context: JobContext, job: ClaimedJob, complete: Complete, answer: ModelAnswer) -> Move:
    is_no_result = _is_no_result(complete, answer)
    billed = replace(answer, status_code=UNPROCESSABLE) if is_no_result else answer
    ended = Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.SUCCEEDED,
        logs=complete.logs,
        metrics=complete.metrics,
        answer=answer,
        settlement=_settled(job, billed),
        run_seconds=_run_seconds(context, job, complete),
    )
    if answer.status_code < 400 and not is_no_result:
        return ended
    error, error_type = failure_of(answer)
    error_type = complete.error_type or error_type
    if answer.status_code == CLIENT_CLOSED_REQUEST or error_type == CANCELLED_TYPE:
        stopped = cancelled(job, "the upstream says that it was cancelled")
        return replace(stopped, settlement=ended.settlement)
    return replace(
        ended, after=JobState.FAILED, error=complete.error or error, error_type=error_type, note=error
    )


def _is_no_result(complete: Complete, answer: ModelAnswer) -> bool:
    """Whether the status told of a failure, and what is answered as the result has no pictures either."""
    return complete.error is not None and _has_no_result(answer)


def _has_no_result(answer: ModelAnswer) -> bool:
    """Whether it is no refusal and has no pictures either."""
    return answer.status_code < 400 and pictures_of(answer_object(answer.body)) is None


def _settled(job: ClaimedJob, answer: ModelAnswer) -> Settlement:
    settlement = settle(job.price, answer)
    if (settlement.spent_micros or 0) > (job.price.reserved_micros or 0):
        log.warning(
            "job.billed_above_reservation",
            job_id=str(job.job_id),
            charged_micros=settlement.spent_micros,
            reserved_micros=job.price.reserved_micros,
        )
    return settlement


def _run_seconds(context: JobContext, job: ClaimedJob, complete: Complete) -> float | None:
    if job.is_told:
        return told_run_seconds(job)
    plan = context.run_times.plan(job.model_id)
    return estimated_run_seconds(
        submitted_seconds=job.submitted_seconds,
        looked_seconds=job.looked_seconds,
        inference_seconds=complete.inference_seconds,
        typical_seconds=None if plan is None else plan.typical_seconds,
    )


def _expired(job: ClaimedJob, note: str) -> Move:
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=job.state,
        after=JobState.EXPIRED,
        error=f"The result can no longer be had: {note}.",
        error_type="upstream_error",
        note=note,
        settlement=charge_reserved(job.price),
    )
