"""The playground: a model's form, and what its request costs at most. Scripts do the rest, by the API."""

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.standing import describe_caller
from app.callers.caller import Caller
from app.callers.sessions import CSRF_HEADER, Session
from app.catalogue.lookup import Catalogue
from app.catalogue.model import Model
from app.console.access import require_session, sight_of
from app.console.pages import PAGE_HEADERS, page
from app.console.playground_fields import PROMPT, SAMPLES, fields_of
from app.console.playground_price import highest_price, price_words
from app.dialects.access import gateway_of
from app.dialects.body import read_object
from app.dialects.error_responses import JSON_TYPE
from app.errors import BadRequest, ModelNotAllowed
from app.gateway import Gateway
from app.jobs.read import see_job

PATH: Final = "/playground"

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def playground(request: Request) -> Response:
    """The form of one model: of the one that was chosen, or of the job whose settings are wanted."""
    session = await require_session(request)
    gateway = gateway_of(request)
    models = usable_models(session.caller, gateway.jobs.catalogue)
    job_id = request.query_params.get("job") or None
    model_id = request.query_params.get("model") or (models[0].id if models else None)
    if job_id is not None:
        model_id = (await see_job(gateway.jobs, sight_of(session), job_id)).model_id
    model = None if model_id is None else _usable(gateway, session, model_id)
    return page(
        request,
        "playground.html",
        session,
        models=models if model is None or model in models else (*models, model),
        model=model,
        fields=() if model is None else fields_of(model),
        example=SAMPLES[PROMPT],
        job_id=job_id,
        public_url=gateway.public_url,
    )


@router.post(f"{PATH}/price")
async def price(request: Request) -> Response:
    """The highest price of a request as it is written so far, and what is left to pay it from."""
    session = await require_session(request)
    session.require_own_page(request.headers.get(CSRF_HEADER))
    gateway = gateway_of(request)
    owner = None if session.caller is None else session.caller.key_id
    asked = await read_object(request, limit_bytes=gateway.settings.body_limit_bytes, owner=owner)
    model_id, given = asked.get("model"), asked.get("input")
    if not isinstance(model_id, str) or not isinstance(given, dict):
        raise BadRequest("Send `model` and `input`.")
    model = _usable(gateway, session, model_id)
    highest = highest_price(await gateway.jobs.prices.current(), model, given)
    words = price_words(highest, await _left_usd(gateway, session.caller))
    return Response(orjson.dumps(words), 200, dict(PAGE_HEADERS), JSON_TYPE)


def usable_models(caller: Caller | None, catalogue: Catalogue) -> tuple[Model, ...]:
    """The listed models that a key may use; the admin key, which makes no jobs, looks at all. Pure."""
    return tuple(model for model in catalogue.listed() if caller is None or _may_use(caller, model.id))


def _may_use(caller: Caller, model_id: str) -> bool:
    try:
        caller.require_model(model_id)
    except ModelNotAllowed:
        return False
    return True


def _usable(gateway: Gateway, session: Session, model_id: str) -> Model:
    """The model of this id.

    Raises:
        NotFound, ModelNotAllowed: there is none here, or this key may not use it.
    """
    model = gateway.jobs.catalogue.find(model_id)
    if session.caller is not None:
        session.caller.require_model(model.id)
    return model


async def _left_usd(gateway: Gateway, caller: Caller | None) -> str | None:
    if caller is None:
        return None
    told: dict[str, Any] = await describe_caller(gateway.reports, caller, listed_models=())
    left: str | None = told["left_usd"]
    return left
