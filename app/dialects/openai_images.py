"""OpenAI's way to ask for pictures: one request that waits for them. It only translates."""

import math
from contextlib import ExitStack
from dataclasses import replace
from time import monotonic
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.callers.caller import Caller
from app.dialects.access import gateway_of, require_caller
from app.dialects.body import read_body, require_json
from app.dialects.body_room import let_go
from app.dialects.openai_models import find_model
from app.dialects.openai_pictures import pictures_of
from app.dialects.openai_request import ImagesRequest, model_input, read_images_request
from app.dialects.openai_stream import images_stream
from app.dialects.openai_wire import NOT_AGAIN, failure_body, images_body
from app.dialects.strict_json import parse_object
from app.dialects.submit_headers import cache_wish, end_user, idempotency_key, submit_answer_headers
from app.dialects.told_answer import told_answer
from app.dialects.waiting import longest_wait_seconds, while_there
from app.errors import PayloadTooLarge
from app.gateway import Gateway
from app.jobs.job import JobView
from app.jobs.request import SubmitRequest
from app.jobs.submit import submit_job
from app.jobs.wait import wait_for_end
from app.operations.request_scope import OPERATION
from app.upstream.answers import ModelAnswer
from app.upstream.headers import to_upstream

JSON_TYPE: Final = "application/json"
# How long a client of OpenAI's waits for an answer: Python's for its next byte, JavaScript's in all. Where it
# does not say, it waits as long as they do by default.
CLIENT: Final = "x-stainless-lang"
CLIENT_TIMEOUTS: Final = ("x-stainless-read-timeout", "x-stainless-timeout")
CLIENT_DEFAULT_SECONDS: Final = 600.0
LONGEST_MARGIN_SECONDS: Final = 10.0
MARGIN: Final = 0.1

router = APIRouter(prefix="/v1/images", tags=["images"])


@router.post("/generations")
async def generate(request: Request) -> Response:
    """Hands a generation to the upstream, waits for its end and answers with its pictures."""
    request.scope[OPERATION] = "images"
    gateway = gateway_of(request)
    longest_seconds = longest_wait_seconds(request, gateway.settings.sync_wait_seconds)
    until = monotonic() + patience_seconds(request, longest_seconds)
    caller = await require_caller(request)
    asked, ask = await _read(request, gateway, caller)
    with ExitStack() as place:
        place.enter_context(gateway.waits.place(caller))
        submitted = await submit_job(gateway.jobs, caller, ask)
        # It may hold 25 MB, and the waiting may take minutes.
        del ask
        if asked.is_stream:
            let_go(request)
            answer = images_stream(gateway, submitted.view, place.pop_all())
        else:
            waiting = wait_for_end(gateway.jobs, submitted.view, seconds=max(until - monotonic(), 0.0))
            view = await while_there(request, waiting, submitted.view)
            if caller.rewrites_urls and not asked.wants_bytes:
                view = replace(view, answer=await told_answer(gateway, view))
            answer = await _answer(gateway, view, wants_bytes=asked.wants_bytes)
    answer.headers.update(submit_answer_headers(submitted))
    return answer


def patience_seconds(request: Request, longest_seconds: float) -> float:
    """How long to wait for a job: a little less than the client does. Pure.

    A client that has waited in vain sends the same again, and that would be paid for again.
    """
    told = [seconds for name in CLIENT_TIMEOUTS if (seconds := _seconds(request.headers.get(name, "")))]
    if not told and CLIENT not in request.headers:
        return longest_seconds
    seconds = min(told, default=CLIENT_DEFAULT_SECONDS)
    return min(longest_seconds, seconds - min(seconds * MARGIN, LONGEST_MARGIN_SECONDS))


def _seconds(text: str) -> float | None:
    """A number of seconds, however it is written; none where it is no time that one could wait."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


async def _read(request: Request, gateway: Gateway, caller: Caller) -> tuple[ImagesRequest, SubmitRequest]:
    """What is asked for; only the body itself says by its model how large it may be.

    Raises:
        RateLimited: the caller has no submit left, so the body is not read.
    """
    require_json(request)
    gateway.jobs.rates.require_room(caller)
    limit_bytes = gateway.body_limit_bytes(takes_images=True)
    body = await read_body(request, limit_bytes=limit_bytes, owner=caller.key_id)
    asked = read_images_request(parse_object(body))
    model = find_model(gateway.jobs.catalogue, asked.model_id)
    limit_bytes = gateway.body_limit_bytes(takes_images=model.takes_images)
    if len(body) > limit_bytes:
        raise PayloadTooLarge(f"The body is larger than {limit_bytes} bytes, the most that {model.id} takes.")
    return asked, SubmitRequest(
        model=model,
        given=model_input(model, asked),
        upstream_headers=to_upstream(request.headers.items()),
        idempotency_key=idempotency_key(request),
        end_user=asked.end_user or end_user(request),
        cache=cache_wish(request),
    )


async def _answer(gateway: Gateway, view: JobView, *, wants_bytes: bool) -> Response:
    """The pictures of a job, or why there are none; the job's id is told in any case."""
    headers = {"x-fal-request-id": view.id, "x-fluxgate-cache": view.cache}
    found = await pictures_of(gateway, view, wants_bytes=wants_bytes)
    if isinstance(found, ModelAnswer):
        return Response(failure_body(view, found), found.status_code, {**headers, **NOT_AGAIN}, JSON_TYPE)
    form = "b64_json" if wants_bytes else "url"
    return Response(images_body(view.id, form, found), 200, headers, JSON_TYPE)
