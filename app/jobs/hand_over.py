"""Handing a recorded job to the upstream, once, and what its answer makes of the job."""

import asyncio
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from app.billing.settlement import release
from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.job import Move
from app.jobs.schedule import after_failure, first_look
from app.jobs.states import JobState
from app.uploads.inline import inline_files
from app.upstream.answers import (
    Accepted,
    Ambiguous,
    ModelAnswer,
    NotNow,
    Refused,
    RefusesUs,
    SubmitAnswer,
    failure_of,
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HandOver:
    """What goes upstream for one job, and who may write about it.

    Attributes:
        has_uploads: whether files may have been noted that go along.
        has_waited: whether it waited for the upstream before, and so has its place among those that wait.
    """

    job_id: UUID
    epoch: int
    model_id: str
    upstream_input: bytes
    upstream_headers: dict[str, str]
    failed_tries: int = 0
    has_uploads: bool = False
    has_waited: bool = False


async def hand_over(context: JobContext, job: HandOver) -> Move:
    """Sends the job and returns the move that its answer asks for. No transaction is open meanwhile."""
    webhook_url = None if context.incoming is None else context.incoming.addresses.of(job.job_id)
    answer = await _send(context, job, webhook_url)
    move = await _move_for(context, job, answer, expects_webhook=webhook_url is not None)
    if not isinstance(answer, Accepted):
        log.warning("submit.not_accepted", job_id=str(job.job_id), state=move.after, reason=move.logged_note)
    return move


async def _send(context: JobContext, job: HandOver, webhook_url: str | None) -> SubmitAnswer:
    """Files are read in a part of the time that the lease is longer than the call."""
    body = job.upstream_input
    if job.has_uploads:
        spare_seconds = context.settings.lease_seconds - context.settings.upstream_timeout_seconds
        try:
            async with asyncio.timeout(spare_seconds / 2):
                body = await inline_files(context.uploads, job.job_id, body)
        except (StorageUnavailable, TimeoutError):
            return NotNow("nothing was sent: the uploaded files could not be read", None)
    return await context.upstream.submit(
        job.model_id, body, job.upstream_headers, webhook_url=webhook_url, has_leave=job.has_waited
    )


async def _move_for(
    context: JobContext, job: HandOver, answer: SubmitAnswer, *, expects_webhook: bool
) -> Move:
    match answer:
        case Accepted():
            return _accepted(context, job, answer, expects_webhook=expects_webhook)
        case Refused():
            refusal = _without_address(context, job, answer.answer)
            error, error_type = failure_of(refusal)
            return Move(
                job_id=job.job_id,
                epoch=job.epoch,
                before=JobState.SUBMITTING,
                after=JobState.FAILED,
                error=error,
                error_type=error_type,
                answer=refusal,
                note=error,
                settlement=release(),
            )
        case RefusesUs():
            return unavailable(job, JobState.SUBMITTING, answer.note)
        case Ambiguous():
            return _unknown(context, job, answer.note)
        case NotNow():
            if not job.has_waited and await _is_backlog_full(context):
                return unavailable(job, JobState.SUBMITTING, f"{answer.note}; too many jobs wait already")
            return _wait(context, job, answer)


def unavailable(job: HandOver, before: JobState, note: str) -> Move:
    """The end of a job that the upstream never took, for no fault of its caller."""
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=before,
        after=JobState.FAILED,
        error="The upstream did not take this job; nothing was made. Try again later.",
        error_type="upstream_unavailable",
        note=note,
        settlement=release(),
    )


def patience_seconds(context: JobContext) -> float:
    """How long a job may be `unknown`."""
    return context.upstream.profile.unknown_patience_seconds or context.settings.unknown_patience_seconds


async def _is_backlog_full(context: JobContext) -> bool:
    """Whether as many wait as may; where that cannot be known, the job is known not to have been sent."""
    try:
        return await context.repository.count_accepted() >= context.settings.accepted_backlog_limit
    except StorageUnavailable:
        return False


def _without_address(context: JobContext, job: HandOver, answer: ModelAnswer) -> ModelAnswer:
    """A refusal may quote the address that the upstream was to call, which is no caller's business."""
    if context.incoming is None:
        return answer
    return replace(answer, body=context.incoming.addresses.hide(job.job_id, answer.body))


def _accepted(context: JobContext, job: HandOver, answer: Accepted, *, expects_webhook: bool) -> Move:
    normal = first_look(context.run_times.plan(job.model_id), context.jitter())
    look = context.paced(normal, expects_webhook=expects_webhook)
    return Move(
        job_id=job.job_id,
        epoch=job.epoch,
        before=JobState.SUBMITTING,
        after=JobState.QUEUED,
        look_in_seconds=look.in_seconds,
        pull_in_seconds=look.pull_in_seconds,
        upstream_id=answer.upstream_id,
        queue_position=answer.queue_position,
        expects_webhook=expects_webhook,
    )


def _unknown(context: JobContext, job: HandOver, note: str) -> Move:
    """Nobody may look before the patience is over, when the job becomes lost."""
    patience = patience_seconds(context)
    return replace(_to(job, JobState.UNKNOWN, note), look_in_seconds=patience, pull_in_seconds=patience)


def _wait(context: JobContext, job: HandOver, answer: NotNow) -> Move:
    look = after_failure(job.failed_tries, answer.retry_after_seconds, context.jitter())
    return replace(
        _to(job, JobState.ACCEPTED, answer.note),
        look_in_seconds=look.in_seconds,
        pull_in_seconds=look.in_seconds,
        failed_looks=job.failed_tries + 1,
    )


def _to(job: HandOver, after: JobState, note: str) -> Move:
    return Move(job_id=job.job_id, epoch=job.epoch, before=JobState.SUBMITTING, after=after, note=note)
