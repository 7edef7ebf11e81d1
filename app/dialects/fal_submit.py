"""What all of fal's ways to submit have in common: what is asked for, and the answers about a job."""

from starlette.requests import Request
from starlette.responses import Response

from app.callers.caller import Caller
from app.dialects.access import gateway_of
from app.dialects.body import read_object
from app.dialects.error_responses import JSON_TYPE
from app.dialects.submit_headers import cache_wish, end_user, idempotency_key
from app.dialects.submit_webhook import webhook_url
from app.jobs.job import JobView
from app.jobs.request import SubmitRequest
from app.upstream.answers import ModelAnswer
from app.upstream.headers import to_upstream


async def read_ask(request: Request, caller: Caller, model_id: str) -> SubmitRequest:
    """What the caller asks of the model.

    Raises:
        NotFound, ModelNotAllowed: there is no such model here.
        RateLimited: there is no submit left, and the body would be a large one.
        Forbidden, InvalidInput: the webhook may not be named, or not be told.
        UnsupportedMediaType, PayloadTooLarge, InvalidJson, BodyMustBeObject, BadRequest: see `body` and
            `submit_headers`.
    """
    gateway = gateway_of(request)
    model = gateway.jobs.catalogue.find(model_id)
    if model.takes_images:
        # These bodies are large: who may not use the model, or has no submit left, need not send one.
        caller.require_model(model.id)
        gateway.jobs.rates.require_room(caller)
    limit_bytes = gateway.body_limit_bytes(takes_images=model.takes_images)
    return SubmitRequest(
        model=model,
        given=await read_object(request, limit_bytes=limit_bytes, owner=caller.key_id),
        upstream_headers=to_upstream(request.headers.items()),
        idempotency_key=idempotency_key(request),
        end_user=end_user(request),
        cache=cache_wish(request),
        webhook_url=await webhook_url(request, caller),
    )


def model_answered(view: JobView, answer: ModelAnswer) -> Response:
    """The model's own answer, to the byte."""
    headers = {**answer.headers, "x-fal-request-id": view.id, "x-fluxgate-cache": view.cache}
    headers.setdefault("content-type", JSON_TYPE)
    return Response(answer.body, answer.status_code, headers)


def job_answer(status_code: int, body: bytes, view: JobView) -> Response:
    """What the gateway itself says about a job."""
    headers = {"x-fal-request-id": view.id, "x-fluxgate-cache": view.cache}
    return Response(body, status_code, headers, JSON_TYPE)
