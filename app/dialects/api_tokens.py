"""Browser tokens, minted by a backend that holds a key."""

from typing import Annotated, Final

import orjson
from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import Response

from app.billing.money import read_usd
from app.callers.caller import MODEL_GLOB
from app.callers.mint_token import TokenRequest, mint_token
from app.catalogue.problems import list_problems
from app.dialects.access import gateway_of, require_key
from app.dialects.body import read_object
from app.dialects.error_responses import JSON_TYPE
from app.errors import InvalidInput
from app.origins import ORIGIN_LENGTH, fault_of_origin

TTL_LIMIT_SECONDS: Final = 3600
MODELS_LIMIT: Final = 50
GLOB_LENGTH: Final = 100
IMAGES_LIMIT: Final = 100_000
END_USER_LENGTH: Final = 200

router = APIRouter(prefix="/api/tokens", tags=["tokens"])


def _check_origin(given: str) -> str:
    if (fault := fault_of_origin(given)) is not None:
        raise PydanticCustomError("origin", "Input {fault}", {"fault": fault})
    return given


def _check_glob(given: str) -> str:
    if not MODEL_GLOB.fullmatch(given):
        raise PydanticCustomError("model_glob", "Input should be a model id; * and ? stand for any text")
    return given


def _check_printable(given: str) -> str:
    if not given.isprintable():
        raise PydanticCustomError("printable", "Input should hold printable characters only")
    return given


def _read_usd(given: object) -> int:
    try:
        return read_usd(given)
    except ValueError as error:
        raise PydanticCustomError("usd_amount", "{why}", {"why": str(error)}) from None


Origin = Annotated[str, Field(max_length=ORIGIN_LENGTH), AfterValidator(_check_origin)]
Glob = Annotated[str, Field(min_length=1, max_length=GLOB_LENGTH), AfterValidator(_check_glob)]
Micros = Annotated[int, BeforeValidator(_read_usd)]
EndUser = Annotated[str, Field(min_length=1, max_length=END_USER_LENGTH), AfterValidator(_check_printable)]


class TokenFields(BaseModel):
    """What a token shall be good for; a field that is left out sets no limit beyond the key's own."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ttl_seconds: int = Field(default=TTL_LIMIT_SECONDS, ge=1, le=TTL_LIMIT_SECONDS)
    origin: Origin | None = None
    models: list[Glob] | None = Field(default=None, min_length=1, max_length=MODELS_LIMIT)
    max_images: int | None = Field(default=None, ge=1, le=IMAGES_LIMIT)
    max_cost_micros: Micros | None = Field(default=None, alias="max_cost_usd")
    end_user: EndUser | None = None


@router.post("", status_code=201)
async def mint(request: Request) -> Response:
    """A token of at most an hour that a browser may hold; only a key may ask for one."""
    caller = await require_key(request)
    gateway = gateway_of(request)
    limit_bytes = gateway.settings.body_limit_bytes
    given = await read_object(request, limit_bytes=limit_bytes, owner=caller.key_id)
    minted = await mint_token(gateway.tokens, caller, _asked(given))
    body = {"id": minted.id, "token": minted.token, "expires_at": minted.expires_at}
    return Response(
        orjson.dumps(body, option=orjson.OPT_UTC_Z), 201, {"cache-control": "no-store"}, JSON_TYPE
    )


def _asked(given: dict[str, object]) -> TokenRequest:
    try:
        fields = TokenFields.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(list_problems(error)) from None
    return TokenRequest(
        ttl_seconds=fields.ttl_seconds,
        origin=fields.origin,
        models=None if fields.models is None else tuple(fields.models),
        max_images=fields.max_images,
        max_cost_micros=fields.max_cost_micros,
        end_user=fields.end_user,
    )
