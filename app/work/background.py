"""What runs beside the answering of requests, from the start of the process to its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import structlog

from app.jobs.context import JobContext
from app.operations.tracing.sender import Sender
from app.operations.tracing.tracing import Tracing
from app.storage.batcher import Batcher
from app.webhooks.incoming_health import IncomingHealth
from app.work.workers import Workers

log = structlog.get_logger()


@asynccontextmanager
async def background(
    jobs: JobContext, workers: Workers | None, tracing: Tracing | None, on_death: Callable[[], None]
) -> AsyncIterator[None]:
    """Runs the group commits and the workers beside the block; `on_death` is called when one of them dies."""

    def report(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("background.died", exc_info=error)
            on_death()

    batchers = _batchers(jobs)
    beside = _beside(jobs, tracing)
    async with asyncio.TaskGroup() as group:
        for batcher in batchers:
            group.create_task(batcher.serve()).add_done_callback(report)
        working = [group.create_task(worker.run()) for worker in workers.claiming] if workers else []
        for task in working:
            task.add_done_callback(report)
        group.create_task(jobs.disowned.serve()).add_done_callback(report)
        watching = group.create_task(jobs.watch.serve())
        watching.add_done_callback(report)
        if workers:
            group.create_task(workers.housekeeping.run()).add_done_callback(report)
        for part in beside:
            group.create_task(part.run()).add_done_callback(report)
        yield
        jobs.disowned.stop()
        jobs.watch.stop()
        watching.cancel()
        if workers:
            await _stop(workers, working)
        for batcher in batchers:
            batcher.stop()
        for part in beside:
            part.stop()


def _batchers(jobs: JobContext) -> tuple[Batcher[object, object], ...]:
    return (
        jobs.finding,  # type: ignore[return-value] # only `serve` and `stop` are used
        jobs.recording,
        jobs.moving,
        jobs.following,
        jobs.loading,
        jobs.sharing,
    )


def _beside(jobs: JobContext, tracing: Tracing | None) -> list[IncomingHealth | Sender]:
    """What is stopped last, when nothing is left that could tell it anything."""
    health = None if jobs.incoming is None else jobs.incoming.health
    sender = None if tracing is None else tracing.sender
    return [part for part in (health, sender) if part is not None]


async def _stop(workers: Workers, working: Sequence[asyncio.Task[None]]) -> None:
    """Lets them finish what they have begun, for as long as they may; what is left comes due again."""
    workers.stop()
    for worker, task in zip(workers.claiming, working, strict=True):
        await asyncio.wait([task], timeout=worker.patience_seconds())
        task.cancel()
