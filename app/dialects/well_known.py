"""What anybody may know of this gateway: the keys that its webhooks are verified with."""

from typing import Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of
from app.dialects.error_responses import JSON_TYPE

# Receivers keep it for as long, so a new key has to be among these for that time before it signs.
KEY_SET_HEADERS: Final = {"cache-control": "public, max-age=3600"}

router = APIRouter(tags=["webhooks"])


@router.get("/.well-known/jwks.json")
async def key_set(request: Request) -> Response:
    """The public keys of this gateway's webhooks, as a JWK set."""
    keys = gateway_of(request).webhooks.keys.key_set
    return Response(orjson.dumps(keys), headers=KEY_SET_HEADERS, media_type=JSON_TYPE)
