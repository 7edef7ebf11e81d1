"""Use case: deliver one webhook, at least once, and write what came of it."""

import asyncio
from dataclasses import replace

import structlog

from app.operations.tracing.step import Kind, Step, current_step
from app.upstream.answers import ModelAnswer
from app.webhooks.address import parse_address
from app.webhooks.context import WebhookContext
from app.webhooks.delivery import ClaimedDelivery, DeliveryState, Tried, verdict_on
from app.webhooks.payload import EndedJob, webhook_body
from app.webhooks.transport import NOT_REACHED

log = structlog.get_logger()

# What is larger is read and signed in a thread: a picture in an answer takes as long as many small ones.
LARGE_BYTES = 500_000


async def deliver(context: WebhookContext, claimed: ClaimedDelivery) -> None:
    """One try. Whoever dies in it leaves the lease to run out, and the same webhook is sent again.

    Raises:
        StorageUnavailable: the lease runs out by itself, and it is sent again.
    """
    tried = await _try(context, claimed)
    verdict = verdict_on(tried, failed_tries=claimed.failed_tries, jitter=context.jitter())
    if not await context.repository.write(claimed, tried, verdict):
        log.info("webhook.fenced", job_id=str(claimed.job_id))
        return
    outcome = "retried" if verdict.state is DeliveryState.PENDING else verdict.state
    context.metrics.delivered(outcome, tried.milliseconds / 1000)
    if (step := current_step()) is not None:
        _tell(step, claimed, tried, outcome)
    tell = log.debug if verdict.state is DeliveryState.DELIVERED else log.info
    tell(
        "webhook.tried",
        job_id=str(claimed.job_id),
        host=claimed.host,
        state=verdict.state,
        status=tried.status_code,
        reason=tried.cause or tried.error,
        milliseconds=tried.milliseconds,
    )


def _tell(step: Step, claimed: ClaimedDelivery, tried: Tried, outcome: str) -> None:
    """One try in a trace; not where it went: that is the caller's business."""
    step.note(team=str(claimed.team_id), webhook_outcome=outcome, webhook_try=claimed.failed_tries + 1)
    attributes: dict[str, str | int] = {"http.request.method": "POST"}
    if tried.status_code is not None:
        attributes["http.response.status_code"] = tried.status_code
    error = None if tried.is_accepted else str(tried.status_code or "fault")
    step.ended("send webhook", tried.milliseconds / 1000, attributes, kind=Kind.CLIENT, error=error)


async def _try(context: WebhookContext, claimed: ClaimedDelivery) -> Tried:
    try:
        address = parse_address(claimed.url)
    except ValueError as fault:
        # An earlier release took it. Whatever ends in a fault would come again with every lease, for ever.
        return Tried(None, NOT_REACHED, 0, cause=repr(fault))
    headers, body = await _letter(context, claimed)
    return await context.transport.post(address, headers, body)


async def _letter(context: WebhookContext, claimed: ClaimedDelivery) -> tuple[dict[str, str], bytes]:
    """What is sent; of a large answer nothing else is held while the receiver takes its time."""
    job, signed_at = await context.repository.letter(claimed.job_id)
    if job.body is not None and len(job.body) > LARGE_BYTES:
        return await asyncio.to_thread(_signed, context, claimed, job, signed_at)
    return _signed(context, claimed, job, signed_at)


def _signed(
    context: WebhookContext, claimed: ClaimedDelivery, job: EndedJob, signed_at: int
) -> tuple[dict[str, str], bytes]:
    body = webhook_body(_with_links(context, job) if job.rewrites_urls else job)
    headers = context.keys.headers(
        job_id=claimed.job_id, team_id=claimed.team_id, timestamp=signed_at, body=body
    )
    return headers, body


def _with_links(context: WebhookContext, job: EndedJob) -> EndedJob:
    if job.status_code is None or job.body is None:
        return job
    answer = ModelAnswer(job.status_code, {}, job.body)
    return replace(job, body=context.name_our_links(answer, job.made_by or job.job_id).body)
