"""Use case: wait for a job, on behalf of a caller who does not want to ask again and again."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress

from app.errors import StorageUnavailable
from app.jobs.context import JobContext
from app.jobs.job import JobView
from app.jobs.read import load_view


async def wait_for_end(context: JobContext, view: JobView, *, seconds: float) -> JobView:
    """The job when it has ended, or as it stands when the time is over or the gateway stops."""
    return await wait_until(context, view, lambda seen: seen.is_final, seconds=seconds)


async def wait_until(
    context: JobContext, view: JobView, is_reached: Callable[[JobView], bool], *, seconds: float
) -> JobView:
    """The job when it stands as wanted or has ended, or as it stands when the time is over.

    Nothing of the job depends on whether anybody waits: who goes away leaves it as it is.
    """
    # The end of the time is one of the two ways in which a wait ends well.
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), aclosing(changes(context, view)) as seen_views:
            async for seen in seen_views:
                view = seen
                if is_reached(seen):
                    break
    return view


async def changes(
    context: JobContext, view: JobView, *, quiet_seconds: float | None = None
) -> AsyncGenerator[JobView]:
    """The job as it is now, then whenever anything about it has changed, and last as it ended.

    With `quiet_seconds` it comes again, unchanged, whenever there was no news for so long. Ends early when
    the gateway stops.
    """
    if view.is_final:
        yield await _with_answer(context, view)
        return
    with context.watch.on(view) as watcher:
        # What happened between the reading of the view and now is in nobody's news.
        seen = await _read(context, view)
        context.watch.told(seen)
        while True:
            seen = watcher.view if watcher.has_news else seen
            yield await _with_answer(context, seen)
            if seen.is_final or context.watch.is_stopping:
                return
            await watcher.news(quiet_seconds)
            seen = watcher.view


async def _read(context: JobContext, view: JobView) -> JobView:
    known = context.views.get(view.id)
    if known is not None and known.is_final:
        return known
    try:
        return await load_view(context, view.id) or view
    except StorageUnavailable:
        return view


async def _with_answer(context: JobContext, view: JobView) -> JobView:
    """The view with the answer that is stored with another job, where it is one of those."""
    return await _read(context, view) if view.lacks_answer else view
