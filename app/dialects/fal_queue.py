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
from app.dialects.body import read_object
from app.dialects.error_responses import JSON_TYPE
from app.dialects.submit_headers import cache_wish, end_user, idempotency_key, submit_answer_headers
from app.errors import InvalidInput, NotFound
from app.jobs.cancel import CancelAnswer, cancel_job
from app.jobs.job import JobView
from app.jobs.read import not_found, read_job
from app.jobs.request import SubmitRequest
from app.jobs.submit import submit_job
from app.operations.request_scope import OPERATION, DirectRoutes
from app.upstream.answers import ModelAnswer
from app.upstream.headers import to_upstream

CANCEL_CODES: Mapping[CancelAnswer, int] = MappingProxyType(
    {CancelAnswer.OK: 200, CancelAnswer.REQUESTED: 202, CancelAnswer.TOO_LATE: 400}
)
PREFIX = f"/{fal_wire.NAMESPACE}/"
READABLE = frozenset({"", "response", "status"})
TRUE_WORDS = frozenset({"1", "true"})

router = APIRouter(tags=["fal queue"])


@router.post("/fal-ai/{model:path}")
async def submit(request: Request) -> Response:
    """Hands a generation to the upstream's queue and answers with the addresses of its job."""
    request.scope[OPERATION] = "submit"
    gateway = gateway_of(request)
    caller = await require_caller(request)
    _refuse_webhook(request)
    model = gateway.jobs.catalogue.find(request.scope["path"].removeprefix("/"))
    limit_bytes = gateway.body_limit_bytes(takes_images=model.takes_images)
    ask = SubmitRequest(
        model=model,
        given=await read_object(request, limit_bytes=limit_bytes),
        upstream_headers=to_upstream(request.headers.items()),
        idempotency_key=idempotency_key(request),
        end_user=end_user(request),
        cache=cache_wish(request),
    )
    submitted = await submit_job(gateway.jobs, caller, ask)
    view = submitted.view
    if view.answer is not None and not submitted.is_replay:
        answer = _as_model_answered(view, view.answer)
    else:
        answer = _json(200, fal_wire.submit_body(view, gateway.public_url), view)
    answer.headers.update(submit_answer_headers(submitted))
    return answer


@router.get("/fal-ai/{path:path}")
async def read(request: Request) -> Response:
    """`{app}/requests/{id}/status` tells how a job stands, `{app}/requests/{id}` gives its result."""
    caller = await require_caller(request)
    path = _job_path(request, READABLE)
    is_status = path.what == "status"
    request.scope[OPERATION] = "status" if is_status else "result"
    view = await _view(request, caller, path, must_be_new=not is_status)
    if is_status:
        with_logs = request.query_params.get("logs", "").lower() in TRUE_WORDS
        body = fal_wire.status_body(view, gateway_of(request).public_url, with_logs=with_logs)
        return _json(fal_wire.status_code(view), body, view)
    if view.answer is None:
        raise fal_wire.ending_of(view)
    return _as_model_answered(view, view.answer)


@router.put("/fal-ai/{path:path}")
async def cancel(request: Request) -> Response:
    """`{app}/requests/{id}/cancel` stops a job where that is still possible."""
    caller = await require_caller(request)
    path = _job_path(request, frozenset({"cancel"}))
    request.scope[OPERATION] = "cancel"
    view = await _view(request, caller, path, must_be_new=True)
    word = await cancel_job(gateway_of(request).jobs, view)
    return _json(CANCEL_CODES[word], orjson.dumps({"status": word}), view)


DIRECT = DirectRoutes(PREFIX, {"POST": submit, "GET": read, "PUT": cancel})


def _job_path(request: Request, known: AbstractSet[str]) -> fal_wire.JobPath:
    """The job that the path names, and what of it: one of the known words."""
    path = fal_wire.parse_job_path(request.scope["path"].removeprefix(PREFIX))
    if path.what not in known:
        raise NotFound("There is nothing at this address.")
    return path


async def _view(request: Request, caller: Caller, path: fal_wire.JobPath, *, must_be_new: bool) -> JobView:
    """The job in the path, if it is the caller's and of the app in the path."""
    view = await read_job(gateway_of(request).jobs, caller, path.job_id, must_be_new=must_be_new)
    if not fal_wire.names_app_of(path, view):
        raise not_found()
    return view


def _refuse_webhook(request: Request) -> None:
    """Webhooks are not delivered yet; taking the address in silence would leave its owner waiting."""
    if not request.scope["query_string"]:
        return
    address = request.query_params.get("fal_webhook")
    if address is not None:
        problem = {
            "loc": ["query", "fal_webhook"],
            "msg": "This gateway does not deliver webhooks yet; ask for the status instead.",
            "type": "feature_not_supported",
            "input": address[:200],
            "url": "https://docs.fal.ai/errors#feature_not_supported",
        }
        raise InvalidInput([problem])


def _as_model_answered(view: JobView, answer: ModelAnswer) -> Response:
    headers = {**answer.headers, "x-fal-request-id": view.id, "x-fluxgate-cache": view.cache}
    headers.setdefault("content-type", JSON_TYPE)
    return Response(answer.body, answer.status_code, headers)


def _json(status_code: int, body: bytes, view: JobView) -> Response:
    headers = {"x-fal-request-id": view.id, "x-fluxgate-cache": view.cache}
    return Response(body, status_code, headers, JSON_TYPE)
