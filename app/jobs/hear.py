"""Use case: the upstream says that a job has ended."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import orjson
import structlog

from app.errors import BadRequest, NotFound, Unauthorized
from app.jobs.context import JobContext
from app.jobs.read import parse_id
from app.jobs.repository import Heard
from app.jobs.states import TERMINAL, JobState
from app.upstream.answers import UPSTREAM_ID
from app.webhooks.incoming import Incoming
from app.webhooks.incoming_signature import read_signed

log = structlog.get_logger()

# A job that ended so, ended without the upstream's word on it; so did each that never had an id there.
GIVEN_UP = frozenset({JobState.LOST, JobState.EXPIRED})


class Outcome(StrEnum):
    """What became of a webhook."""

    HEARD = "heard"  # noted; where the job is still open it is looked at now
    REPEATED = "repeated"  # noted before
    LATE = "late"  # noted, but the job was given up already
    MISMATCH = "mismatch"  # about another request than the one that was made for this job


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook as it came; header names are in lower case."""

    headers: Sequence[tuple[str, str]]
    body: bytes


def expect_webhook(context: JobContext, job_id: str, mac: str) -> UUID:
    """The job at whose address something comes in.

    Raises:
        NotFound: it is no address of ours; nothing tells what is wrong with it.
    """
    parsed = parse_id(job_id)
    if context.incoming is None or parsed is None or not context.incoming.addresses.is_ours(job_id, mac):
        raise _nothing_here()
    return parsed


async def hear_webhook(context: JobContext, job_id: UUID, letter: Letter) -> None:
    """Notes that the job has ended upstream, and under which id it is there, and has it looked at now.

    What the letter says of the job's outcome is not believed: the look asks for it.

    Raises:
        NotFound: there is no such job.
        Unauthorized: the upstream has not signed this, or not just now.
        BadRequest: it names no request.
        UpstreamUnavailable: the upstream's keys cannot be had.
        StorageUnavailable: nothing was noted.
    """
    incoming = context.incoming
    assert incoming is not None  # noqa: S101 # there are no addresses without it
    await _verify(context, incoming, letter)
    heard = await context.repository.hear(job_id, told_id_of(letter.body))
    if heard is None:
        raise _nothing_here()
    outcome = outcome_of(heard)
    context.metrics.webhook_heard(outcome)
    if heard.is_news:
        await incoming.health.heard()
    if heard.is_due:
        context.views.forget(str(job_id))
        context.due_in(0.0)
    _tell(job_id, heard, outcome)


def told_id_of(body: bytes) -> str:
    """The request that a webhook is about.

    Raises:
        BadRequest: it names none that could be one.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    told_id = found.get("request_id") if isinstance(found, dict) else None
    if not isinstance(told_id, str) or not UPSTREAM_ID.fullmatch(told_id):
        raise BadRequest("The body names no request.")
    return told_id


def outcome_of(heard: Heard) -> Outcome:
    """What a word about a job's end comes to."""
    if not heard.is_news:
        return Outcome.MISMATCH if heard.is_mismatch else Outcome.REPEATED
    is_given_up = heard.state in GIVEN_UP or (heard.state in TERMINAL and heard.upstream_id is None)
    return Outcome.LATE if is_given_up else Outcome.HEARD


async def _verify(context: JobContext, incoming: Incoming, letter: Letter) -> None:
    signed = read_signed(letter.headers, letter.body)
    if signed is None or not await incoming.keys.fit(signed):
        context.metrics.webhook_heard("forged")
        raise Unauthorized("This is not signed by the upstream.")
    if not signed.is_fresh(time.time()):
        context.metrics.webhook_heard("stale")
        raise Unauthorized("This was not signed just now.")


def _nothing_here() -> NotFound:
    return NotFound("There is nothing at this address.")


def _tell(job_id: UUID, heard: Heard, outcome: Outcome) -> None:
    match outcome:
        case Outcome.MISMATCH:
            log.error("webhook.id_mismatch", job_id=str(job_id))
        case Outcome.LATE:
            log.error("job.late_news", job_id=str(job_id), state=heard.state)
        case _:
            log.debug("webhook.heard", job_id=str(job_id), state=heard.state, outcome=outcome)
