"""OpenAI's images as server-sent events: a comment while they are made, then one event for each.

The connection is never quiet for long, so a client's patience does not end within it. What goes wrong after
the job was handed over is an event too, which the clients raise and do not repeat.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, aclosing
from time import monotonic

from starlette.responses import Response

from app.dialects.openai_pictures import pictures_of
from app.dialects.openai_wire import body_of, completed_body, failure_body
from app.dialects.status_stream import KEEP_ALIVE, KEEP_ALIVE_SECONDS, STREAM_HEADERS, PlacedStream
from app.errors import FluxgateError
from app.gateway import Gateway
from app.jobs.job import JobView
from app.jobs.wait import changes
from app.upstream.answers import ModelAnswer


def images_stream(gateway: Gateway, view: JobView, place: AbstractContextManager[object]) -> Response:
    """The answer that tells when the pictures are there."""
    headers = {"x-fal-request-id": view.id, "x-fluxgate-cache": view.cache, **STREAM_HEADERS}
    return PlacedStream(_events(gateway, view), place, headers)


async def _events(gateway: Gateway, view: JobView) -> AsyncIterator[bytes]:
    until = monotonic() + gateway.settings.sync_wait_seconds
    async with aclosing(changes(gateway.jobs, view, quiet_seconds=KEEP_ALIVE_SECONDS)) as seen_views:
        async for seen in seen_views:
            view = seen
            if seen.is_final or monotonic() > until:
                break
            yield KEEP_ALIVE
    try:
        found = await pictures_of(gateway, view, wants_bytes=True)
    except FluxgateError as error:
        yield _event("error", body_of(error))
        return
    if isinstance(found, ModelAnswer):
        yield _event("error", failure_body(view, found))
        return
    for picture in found:
        yield _event("image_generation.completed", completed_body(view.id, picture))


def _event(name: str, body: bytes) -> bytes:
    """One event; JSON has no line breaks of its own."""
    return b"event: " + name.encode() + b"\ndata: " + body + b"\n\n"
