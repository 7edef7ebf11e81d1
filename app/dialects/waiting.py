"""Callers who wait within a request: for how long, and only while they are still there."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Any, Final

from starlette.requests import Request

from app.dialects.body_room import let_go
from app.jobs.job import JobView
from app.operations.request_scope import INTERIM

EARLY_ID: Final = "early-id"
WAIT: Final = re.compile(r"wait\s*=\s*\"?(?P<seconds>\d{1,9})\"?", re.ASCII | re.IGNORECASE)
LONGEST_WAIT_SECONDS: Final = 60

# fal.ai/docs/documentation/model-apis/common-parameters: seconds, and the newer name counts.
START_TIMEOUTS: Final = ("x-fal-request-start-timeout", "x-fal-request-timeout")

# `fetch` gives up when no head has come for 300 seconds, in Node and in Firefox, whatever timeout its caller
# set. fal's and OpenAI's JavaScript clients then send the same again.
FETCH_SECONDS: Final = 290.0
FETCHERS: Final = ("@fal-ai/client/", "openai/js", "mozilla/", "node")


def longest_wait_seconds(request: Request, configured_seconds: float) -> float:
    """How long a caller may be kept without an answer: a little less long than its own means allow. Pure."""
    agent = request.headers.get("user-agent", "").lower()
    return min(configured_seconds, FETCH_SECONDS) if agent.startswith(FETCHERS) else configured_seconds


def preferred_wait_seconds(request: Request) -> int | None:
    """How long `Prefer: wait=N` asks to wait for the result, at most a minute; None without it. Pure."""
    for preference in _preferences(request):
        if found := WAIT.fullmatch(preference):
            return min(int(found["seconds"]), LONGEST_WAIT_SECONDS)
    return None


def tell_id_early(request: Request, view: JobView) -> None:
    """Sends the job's id in an interim answer to a caller who asks for that with `Prefer: early-id`.

    Nobody else is sent one: Python's http.client and others take it for the answer.
    """
    extension = request.scope.get("extensions", {}).get(INTERIM)
    if extension is not None and EARLY_ID in _preferences(request):
        extension["send"]([(b"x-fal-request-id", view.id.encode())])


def _preferences(request: Request) -> list[str]:
    """RFC 7240: several in one field or in several; what is not understood is passed over."""
    fields = request.headers.getlist("prefer")
    return [preference.strip() for field in fields for preference in re.split(r"[,;]", field)]


def start_timeout_seconds(request: Request) -> float | None:
    """Within what time the caller wants the job to have begun; None where the header says nothing. Pure."""
    for name in START_TIMEOUTS:
        try:
            seconds = float(request.headers.get(name, ""))
        except ValueError:
            continue
        if 0.0 < seconds < float("inf"):
            return seconds
    return None


async def while_there(request: Request, waiting: Coroutine[Any, Any, JobView], view: JobView) -> JobView:
    """What the waiting comes to; the view as it was when the caller goes away before that.

    The job goes on in either case: only the waiting ends.
    """
    tell_id_early(request, view)
    let_go(request)
    try:
        async with asyncio.TaskGroup() as group:
            wait = group.create_task(waiting)
            leave = group.create_task(_when_gone(request, wait.cancel))
            await asyncio.wait([wait])
            leave.cancel()
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return view if wait.cancelled() else wait.result()


async def _when_gone(request: Request, then: Callable[[], object]) -> None:
    """The body has been read, so the next message is the end of the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        continue
    then()
