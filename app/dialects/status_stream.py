"""A job's status as server-sent events: one for each change, the last when it has ended."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, aclosing
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.dialects import fal_wire
from app.jobs.context import JobContext
from app.jobs.job import JobView
from app.jobs.wait import changes

# fal.ai/docs/inference-api/queue/status-stream.
KEEP_ALIVE_SECONDS: Final = 15.0
KEEP_ALIVE: Final = b": keep-alive\n\n"

# Proxies that gather what they pass on would make one late event of many.
STREAM_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}
)


class PlacedStream(StreamingResponse):
    """An answer that goes on for as long as its caller has a place among those who wait."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        place: AbstractContextManager[object],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(events, headers=headers)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, and gives the place back whatever becomes of it."""
        with self._place:
            await super().__call__(scope, receive, send)


def status_stream(
    context: JobContext,
    view: JobView,
    public_url: str,
    place: AbstractContextManager[object],
    *,
    with_logs: bool,
) -> Response:
    """The answer that tells of every change of the job until it has ended."""
    headers = {"x-fal-request-id": view.id, "x-fluxgate-cache": view.cache, **STREAM_HEADERS}
    return PlacedStream(_events(context, view, public_url, with_logs=with_logs), place, headers)


def event(body: bytes) -> bytes:
    """One event; JSON has no line breaks of its own."""
    return b"data: " + body + b"\n\n"


async def _events(
    context: JobContext, view: JobView, public_url: str, *, with_logs: bool
) -> AsyncIterator[bytes]:
    """The status now and whenever it changes, and a comment when nothing was said for 15 seconds.

    fal's JavaScript client strings the logs of all events together, so each line is sent once.
    """
    said, lines_said = b"", 0
    async with aclosing(changes(context, view, quiet_seconds=KEEP_ALIVE_SECONDS)) as seen_views:
        async for seen in seen_views:
            body = fal_wire.status_body(seen, public_url, with_logs=with_logs)
            if body == said:
                yield KEEP_ALIVE
                continue
            said = body
            if with_logs and seen.logs is not None:
                fresh, lines_said = lines_after(seen.logs, lines_said)
                body = fal_wire.status_body(replace(seen, logs=fresh), public_url, with_logs=True)
            yield event(body)


def lines_after(logs: bytes, already: int) -> tuple[bytes, int]:
    """The lines after the first so many, and how many there are in all; what is no list stays as it is."""
    lines = orjson.loads(logs)
    if not isinstance(lines, list):
        return logs, already
    return orjson.dumps(lines[already:]), max(already, len(lines))
