"""The models that are served, in the form of OpenAI's model list."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from app.catalogue.lookup import Catalogue
from app.catalogue.model import Model
from app.catalogue.problems import shorten
from app.dialects import fal_wire
from app.dialects.access import gateway_of, require_caller
from app.errors import ModelNotAllowed, ModelNotFound, NotFound

# OpenAI's clients want a time of creation; the catalogue has none, so every model has this one.
CREATED = 0
NAMESPACE = f"{fal_wire.NAMESPACE}/"

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.get("")
async def list_models(request: Request) -> dict[str, Any]:
    """All models that this gateway knows."""
    await require_caller(request)
    models = gateway_of(request).jobs.catalogue.listed()
    return {"object": "list", "data": [_shown(model) for model in models]}


@router.get("/{model_id:path}")
async def one_model(request: Request, model_id: str) -> dict[str, Any]:
    """One of them; OpenAI's clients send the slashes of its id as `%2F`."""
    await require_caller(request)
    return _shown(find_model(gateway_of(request).jobs.catalogue, model_id))


def find_model(catalogue: Catalogue, model_id: str) -> Model:
    """The model of this id, or the answer that OpenAI's clients know for one that does not exist.

    Raises:
        ModelNotFound: no model of this id is served here.
    """
    message = f"The model {shorten(model_id)} does not exist here; GET /v1/models lists those that do."
    # On fal's routes the path says so. A name from a body could be any route of the upstream.
    if not model_id.startswith(NAMESPACE):
        raise ModelNotFound(message)
    try:
        return catalogue.find(model_id)
    except (ModelNotAllowed, NotFound) as error:
        raise ModelNotFound(message) from error


def _shown(model: Model) -> dict[str, Any]:
    owner, _, _ = model.id.partition("/")
    return {"id": model.id, "object": "model", "created": CREATED, "owned_by": owner}
