"""Reading a request's body: its declared type, its size while it comes, its form."""

from time import monotonic
from typing import Any, Final
from uuid import UUID

from starlette.requests import ClientDisconnect, Request

from app.dialects.body_room import UNCOUNTED_BYTES, hold
from app.dialects.strict_json import parse_object
from app.errors import BadRequest, PayloadTooLarge, UnsupportedMediaType

UTF8_NAMES = frozenset({"utf-8", "utf8"})
# Whoever sends slower than this sends no picture, but holds the room of one.
SLOWEST_BYTES_PER_SECOND: Final = 50_000


async def read_object(request: Request, *, limit_bytes: int, owner: UUID | None = None) -> dict[str, Any]:
    """The JSON object in the request's body; for `owner` see `read_body`.

    Raises:
        UnsupportedMediaType: it is declared as something else, or compressed.
        PayloadTooLarge: it is larger than `limit_bytes`; the rest is not read.
        InvalidJson, BodyMustBeObject, InvalidInput: see `strict_json`.
    """
    require_json(request)
    return parse_object(await read_body(request, limit_bytes=limit_bytes, owner=owner))


def require_json(request: Request) -> None:
    """Lets a request pass that declares its body as JSON, as it is.

    Raises:
        UnsupportedMediaType: it is declared as something else, as several things, or compressed.
    """
    # Of two declarations the first is no better than the second: somebody behind us may go by that.
    types = request.headers.getlist("content-type")
    declared = types[0] if len(types) == 1 else ""
    media_type, _, parameters = declared.partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType("Send the input as JSON with `Content-Type: application/json`.")
    if parameters:
        name, _, value = parameters.strip().partition("=")
        if name.lower() == "charset" and value.strip('" ').lower() not in UTF8_NAMES:
            raise UnsupportedMediaType("JSON is sent as UTF-8; leave the charset out.")
    if any(coding.lower() != "identity" for coding in request.headers.getlist("content-encoding")):
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


async def read_body(request: Request, *, limit_bytes: int, owner: UUID | None = None) -> bytes:
    """The request's body, whatever it is.

    Args:
        request: whose body.
        limit_bytes: the most that is taken.
        owner: the key in whose share of the room a large one is held; None for what comes with no key.

    Raises:
        PayloadTooLarge: it is larger than `limit_bytes`; the rest is not read.
        RateLimited: other large bodies have taken all the room that there is for them.
        BadRequest: the connection ended before the body did, or the body takes too long.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise _too_large(limit_bytes)
    chunks: list[bytes] = []
    size = 0
    began = monotonic()
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit_bytes:
                raise _too_large(limit_bytes)
            if size > UNCOUNTED_BYTES:
                hold(request, size, owner)
            if chunks and chunk:
                _require_in_time(request, limit_bytes, began)
            chunks.append(chunk)
    except ClientDisconnect as error:
        raise BadRequest("The connection ended within the body.") from error
    return b"".join(chunks)


def _require_in_time(request: Request, limit_bytes: int, began: float) -> None:
    """Silence ends a connection by itself; this is for those who send a byte just before that."""
    patience: float = request.app.state.settings.client_body_timeout_seconds
    seconds = patience + limit_bytes / SLOWEST_BYTES_PER_SECOND
    if monotonic() - began > seconds:
        raise BadRequest(
            f"The body did not come within {seconds:.0f} seconds.", headers={"connection": "close"}
        )


def _too_large(limit_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"The body is larger than {limit_bytes} bytes, the most that is taken here.")
