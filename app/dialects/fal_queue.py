"""QuickRouter's and fal's queue routes: submit, status, result, cancel. They only translate."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import MappingProxyType

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.callers.caller import Caller
from app.dialects import fal_wire
from app.dialects.access import gateway_of, require_caller
from app.dialects.fal_submit import job_answer, model_answered, read_ask
from app.dialects.status_stream import status_stream
from app.dialects.submit_headers import submit_answer_headers
from app.dialects.told_answer import told_answer
from app.dialects.waiting import preferred_wait_seconds, while_there
from app.errors import NotFound
from app.jobs.cancel import CancelAnswer, cancel_job
from app.jobs.job import JobView
from app.jobs.read import read_job
from app.jobs.submit import submit_job
from app.jobs.wait import wait_for_end
from app.operations.request_scope import OPERATION, DirectRoutes

CANCEL_CODES: Mapping[CancelAnswer, int] = MappingProxyType(
    {CancelAnswer.OK: 200, CancelAnswer.REQUESTED: 202, CancelAnswer.TOO_LATE: 400}
)
PREFIX = f"/{fal_wire.NAMESPACE}/"
STREAM = "status/stream"
STATUSES = frozenset({"status", STREAM})
READABLE = STATUSES | {"", "response"}
TRUE_WORDS = frozenset({"1", "true"})

router = APIRouter(tags=["fal queue"])


@router.post("/fal-ai/{model:path}")
async def submit(request: Request) -> Response:
    """Hands a generation to the upstream's queue and answers with the addresses of its job.

    With `Prefer: wait=N` it answers with the result, should that be there in time.
    """
    request.scope[OPERATION] = "submit"
    gateway = gateway_of(request)
    caller = await require_caller(request)
    ask = await read_ask(request, caller, request.scope["path"].removeprefix("/"))
    submitted = await submit_job(gateway.jobs, caller, ask)
    # It may hold 25 MB, and the waiting may take minutes.
    del ask
    wait_seconds = preferred_wait_seconds(request)
    if wait_seconds is not None:
        answer = await _wait(request, caller, submitted.view, wait_seconds)
    elif submitted.view.answer is not None and not submitted.is_replay:
        answer = await _result(request, caller, submitted.view)
    else:
        answer = job_answer(200, fal_wire.submit_body(submitted.view, gateway.public_url), submitted.view)
    answer.headers.update(submit_answer_headers(submitted))
    return answer


@router.get("/fal-ai/{path:path}")
async def read(request: Request) -> Response:
    """`{app}/requests/{id}/status` tells how a job stands, `{app}/requests/{id}` gives its result.

    `{app}/requests/{id}/status/stream` tells it whenever it changes, as server-sent events.
    """
    caller = await require_caller(request)
    path = _job_path(request, READABLE)
    is_status = path.what in STATUSES
    request.scope[OPERATION] = "status" if is_status else "result"
    view = await _view(request, caller, path, must_be_new=not is_status)
    return _status(request, caller, view, path.what) if is_status else await _result(request, caller, view)


@router.put("/fal-ai/{path:path}")
async def cancel(request: Request) -> Response:
    """`{app}/requests/{id}/cancel` stops a job where that is still possible."""
    caller = await require_caller(request)
    path = _job_path(request, frozenset({"cancel"}))
    request.scope[OPERATION] = "cancel"
    view = await _view(request, caller, path, must_be_new=True)
    word = await cancel_job(gateway_of(request).jobs, view)
    return job_answer(CANCEL_CODES[word], orjson.dumps({"status": word}), view)


DIRECT = DirectRoutes(PREFIX, {"POST": submit, "GET": read, "PUT": cancel})


def _job_path(request: Request, known: AbstractSet[str]) -> fal_wire.JobPath:
    """The job that the path names, and what of it: one of the known words."""
    path = fal_wire.parse_job_path(request.scope["path"].removeprefix(PREFIX))
    if path.what not in known:
        raise NotFound("There is nothing at this address.")
    return path


async def _view(request: Request, caller: Caller, path: fal_wire.JobPath, *, must_be_new: bool) -> JobView:
    """The job in the path, if it is the caller's and of the app in the path."""
    try:
        view = await read_job(gateway_of(request).jobs, caller, path.job_id, must_be_new=must_be_new)
    except NotFound as error:
        raise fal_wire.no_such_job() from error
    if not fal_wire.names_app_of(path, view):
        raise fal_wire.no_such_job()
    return view


async def _wait(request: Request, caller: Caller, view: JobView, wait_seconds: int) -> Response:
    """The result, if it is there in time; the queue's answer otherwise, or where too many wait already."""
    gateway = gateway_of(request)
    place = gateway.waits.place_if_free(caller)
    ended = view
    if place is not None:
        with place:
            waiting = wait_for_end(gateway.jobs, view, seconds=wait_seconds)
            ended = await while_there(request, waiting, view)
    if not ended.is_final:
        return job_answer(200, fal_wire.submit_body(ended, gateway.public_url), ended)
    answer = await _result(request, caller, ended)
    answer.headers["preference-applied"] = f"wait={wait_seconds}"
    return answer


def _status(request: Request, caller: Caller, view: JobView, what: str) -> Response:
    gateway = gateway_of(request)
    public_url = gateway.public_url
    has_query = bool(request.scope["query_string"])
    with_logs = has_query and request.query_params.get("logs", "").lower() in TRUE_WORDS
    if what == STREAM:
        request.scope[OPERATION] = "status stream"
        place = gateway.waits.place(caller)
        return status_stream(gateway.jobs, view, public_url, place, with_logs=with_logs)
    body = fal_wire.status_body(view, public_url, with_logs=with_logs)
    return job_answer(fal_wire.status_code(view), body, view)


async def _result(request: Request, caller: Caller, view: JobView) -> Response:
    answer = await told_answer(gateway_of(request), view) if caller.rewrites_urls else view.answer
    if answer is None:
        raise fal_wire.ending_of(view)
    return model_answered(view, answer)
