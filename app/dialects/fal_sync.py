"""fal's synchronous routes: one request, which is answered with the result. They only translate.

fal.ai/docs/inference-api/sync/run-path. The job is the same as that of the queue, and goes on when its caller
has gone.
"""

from collections.abc import Mapping
from time import monotonic
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.callers.caller import Caller
from app.dialects import fal_wire
from app.dialects.access import gateway_of, require_caller
from app.dialects.error_responses import render_error
from app.dialects.fal_submit import model_answered, read_ask
from app.dialects.status_stream import STREAM_HEADERS, event
from app.dialects.submit_headers import submit_answer_headers
from app.dialects.told_answer import told_answer
from app.dialects.waiting import longest_wait_seconds, start_timeout_seconds, while_there
from app.errors import RequestTimeout, SubmitUnknown, UpstreamError
from app.jobs.cancel import cancel_job
from app.jobs.context import JobContext
from app.jobs.job import JobView
from app.jobs.states import QueueStatus, shown_as
from app.jobs.submit import submit_job
from app.jobs.wait import wait_for_end, wait_until
from app.operations.request_scope import OPERATION

STREAM: Final = "/stream"

# fal's JavaScript client sends a POST again that was answered with one of fal's 5xx, unless it says that the
# caller's own time was up. That is how answers about a job that may have been paid must look here.
NOT_AGAIN: Final[Mapping[str, str]] = MappingProxyType({"x-fal-request-timeout-type": "user"})

router = APIRouter(prefix="/run", tags=["fal sync"])


@router.post("/fal-ai/{model:path}")
async def run(request: Request) -> Response:
    """Makes the job and answers with its result; `…/stream` gives that as a server-sent event."""
    model_id = request.scope["path"].removeprefix("/run/")
    is_stream = model_id.endswith(STREAM)
    request.scope[OPERATION] = "stream" if is_stream else "run"
    caller = await require_caller(request)
    gateway = gateway_of(request)
    until = monotonic() + longest_wait_seconds(request, gateway.settings.sync_wait_seconds)
    with gateway.waits.place(caller):
        ask = await read_ask(request, caller, model_id.removesuffix(STREAM))
        submitted = await submit_job(gateway.jobs, caller, ask)
        # It may hold 25 MB, and the waiting may take minutes.
        del ask
        waiting = _finish(gateway.jobs, submitted.view, start_timeout_seconds(request), until)
        answer = await _answer(request, caller, await while_there(request, waiting, submitted.view))
    answer.headers.update(submit_answer_headers(submitted))
    return _as_event(answer) if is_stream and answer.status_code < 400 else answer


async def _finish(jobs: JobContext, view: JobView, start_seconds: float | None, until: float) -> JobView:
    """The job when it has ended; one that has not begun in the caller's time is cancelled."""
    if start_seconds is not None:
        left = max(until - monotonic(), 0.0)
        view = await wait_until(jobs, view, _has_begun, seconds=min(start_seconds, left))
        if start_seconds <= left and not _has_begun(view):
            await cancel_job(jobs, view)
            return view
    return await wait_for_end(jobs, view, seconds=max(until - monotonic(), 0.0))


def _has_begun(view: JobView) -> bool:
    return shown_as(view.state) is not QueueStatus.IN_QUEUE


async def _answer(request: Request, caller: Caller, view: JobView) -> Response:
    made = await told_answer(gateway_of(request), view) if caller.rewrites_urls else view.answer
    if made is not None:
        return model_answered(view, made)
    if not view.is_final:
        detail = f"The job {view.id} has not ended in time; the queue's routes tell what becomes of it."
        raise RequestTimeout(detail, job_id=view.id, headers=NOT_AGAIN)
    ending = fal_wire.ending_of(view)
    answer = render_error(request, ending)
    if isinstance(ending, SubmitUnknown | UpstreamError):
        answer.status_code = RequestTimeout.status
        answer.headers.update(NOT_AGAIN)
    return answer


def _as_event(answer: Response) -> Response:
    headers = {**dict(answer.headers), **STREAM_HEADERS}
    del headers["content-length"]
    return Response(event(bytes(answer.body)), answer.status_code, headers)
