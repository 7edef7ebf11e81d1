"""Use case: take a job and hand it to the upstream."""

from dataclasses import dataclass
from typing import Any

import orjson
from uuid_utils.compat import uuid7

from app.callers.caller import Caller
from app.catalogue.model import Model
from app.catalogue.normalise import normalise
from app.errors import UpstreamUnavailable
from app.jobs.context import JobContext
from app.jobs.hand_over import HandOver, hand_over
from app.jobs.job import FIRST_EPOCH, JobView, Move, NewJob
from app.jobs.keep import keep
from app.jobs.record_answer import record_answer
from app.jobs.states import JobState

RETRY_AFTER_SECONDS = 30


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """What a caller asks for: a model, its input as parsed JSON, and headers meant for the upstream."""

    model: Model
    given: dict[str, Any]
    upstream_headers: dict[str, str]


async def submit_job(context: JobContext, caller: Caller, ask: SubmitRequest) -> JobView:
    """Records the job, hands it over and records the answer; the job exists whatever happens after the first.

    Raises:
        InvalidInput: nothing was recorded and nothing was sent.
        StorageUnavailable: nothing was recorded and nothing was sent.
        UpstreamUnavailable: the job is recorded as failed; nothing was accepted upstream.
    """
    job = _new_job(caller, ask)
    await context.recording.ask(job)
    move = await hand_over(context, _hand_over_of(job))
    return await _record_answer(context, job, move)


def _new_job(caller: Caller, ask: SubmitRequest) -> NewJob:
    upstream_input = normalise(ask.model, ask.given)
    prompt = upstream_input.get("prompt")
    return NewJob(
        # Ids rise with time: new rows meet in the last pages of an index, and a month is a range of ids.
        id=uuid7(),
        team_id=caller.team_id,
        key_id=caller.key_id,
        model_id=ask.model.id,
        prompt=prompt if isinstance(prompt, str) else None,
        upstream_input=orjson.dumps(upstream_input),
        upstream_headers=ask.upstream_headers,
    )


def _hand_over_of(job: NewJob) -> HandOver:
    return HandOver(
        job_id=job.id,
        epoch=FIRST_EPOCH,
        model_id=job.model_id,
        upstream_input=job.upstream_input,
        upstream_headers=job.upstream_headers,
    )


async def _record_answer(context: JobContext, job: NewJob, move: Move) -> JobView:
    view = JobView(
        id=str(job.id), team_id=job.team_id, key_id=job.key_id, model_id=job.model_id, state=move.before
    )
    written = await record_answer(context, move)
    if written is None:
        # The job is recorded and was sent: when its lease is over it becomes unknown, and visible as such.
        return view
    after = keep(context, view, written)
    if after.state is JobState.FAILED and after.answer is None:
        raise UpstreamUnavailable(after.error or "", job_id=after.id, retry_after_seconds=RETRY_AFTER_SECONDS)
    return after
