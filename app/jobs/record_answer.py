"""Recording what the upstream answered to a submit; it is in our hands alone until then."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import structlog

from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.job import Move
from app.jobs.states import JobState

log = structlog.get_logger()

# A restart of PostgreSQL takes a second or two. Longer than the lease there is no point in waiting: the job
# is `unknown` by then, and bound below when the database is back.
RETRY_SECONDS = (0.1, 0.3, 1.0, 2.0, 3.0)
# Whoever asks for the job is not kept waiting longer by a database that is silent at each of these tries.
PATIENCE_SECONDS = 10.0


async def record_answer(context: JobContext, move: Move) -> Move | None:
    """Writes the move that an answer asks for; returns what was written, or None when nothing could be.

    A job whose lease ran out meanwhile is `unknown`; an id that the upstream gave makes it known again.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            for pause_seconds in (0.0, *RETRY_SECONDS):
                if pause_seconds:
                    await asyncio.sleep(pause_seconds)
                with suppress(StorageUnavailable):
                    return await _record(context, move)
    log.error("submit.answer_not_recorded", job_id=str(move.job_id), upstream_id=move.upstream_id)
    return None


async def _record(context: JobContext, move: Move) -> Move | None:
    if await context.moving.ask(move):
        return move
    return await _bind_unknown(context, move)


async def _bind_unknown(context: JobContext, move: Move) -> Move | None:
    if move.after is not JobState.QUEUED:
        return None
    job = await context.repository.claim_one(move.job_id, frozenset({JobState.UNKNOWN}))
    if job is None:
        log.error("submit.fenced", job_id=str(move.job_id), upstream_id=move.upstream_id)
        return None
    bound = replace(move, epoch=job.epoch, before=job.state, note="the upstream's answer came late")
    return bound if await context.moving.ask(bound) else None
