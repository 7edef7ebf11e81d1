"""The calls by which fal's clients bring pictures, and the addresses of those. They only translate."""

from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.dialects.access import gateway_of, require_caller
from app.dialects.body import read_body, read_object
from app.dialects.error_responses import JSON_TYPE
from app.errors import InvalidInput, NotFound, PayloadTooLarge, UnsupportedMediaType
from app.uploads.begin import begin_upload, mint_upload_token, new_file
from app.uploads.capability import Capability, is_capability
from app.uploads.pictures import declared_type
from app.uploads.serve import find_file, pieces_of
from app.uploads.store import store_upload
from app.uploads.uploader import Uploader, require_capability

# A picture may be shown and saved, and whatever it may be beside a picture does nothing.
FILE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
}
CACHE_SECONDS: Final = 3600
LIFECYCLE_HEADER: Final = "x-fal-object-lifecycle"

router = APIRouter(tags=["fal storage"])


@router.post("/storage/upload/initiate")
async def initiate(request: Request) -> Response:
    """Where the JavaScript client puts one file, and where the file will be then."""
    caller = await require_caller(request)
    gateway = gateway_of(request)
    limit_bytes = gateway.settings.body_limit_bytes
    given = await read_object(request, limit_bytes=limit_bytes, owner=caller.key_id)
    content_type, file_name = _text(given, "content_type"), _text(given, "file_name")
    file = new_file(content_type or "", file_name, _keep_seconds(request))
    begun = begin_upload(gateway.uploads, caller, file)
    return _json({"upload_url": begun.upload_url, "file_url": begun.file_url})


@router.put("/storage/upload/{file_id}")
async def put(request: Request) -> Response:
    """The file itself; the address is all the permission that it takes."""
    gateway = gateway_of(request)
    capability = await require_capability(gateway.uploads, request.query_params.get("capability", ""))
    file = capability.file
    if file is None or request.path_params["file_id"] != str(file.file_id):
        raise NotFound("No upload was begun at this address.")
    _check_declared(request, file.content_type)
    limit_bytes = gateway.settings.upload_limit_bytes
    content = await read_body(request, limit_bytes=limit_bytes, owner=capability.key_id)
    address = await store_upload(gateway.uploads, Uploader.of(capability), file, content)
    return _json({"file_url": address})


@router.post("/storage/auth/token")
async def token(request: Request) -> Response:
    """A token by which the Python client brings files for some minutes."""
    caller = await require_caller(request)
    uploads = gateway_of(request).uploads
    minted = mint_upload_token(uploads, caller)
    body = {"token": minted.token, "token_type": "Bearer", "base_url": uploads.public_url}
    return _json({**body, "expires_at": minted.expires_at.isoformat()})


@router.post("/files/upload")
async def upload(request: Request) -> Response:
    """A file in one call, with such a token or with a caller's own credential."""
    gateway = gateway_of(request)
    owner = await _uploader(request)
    headers = request.headers
    file = new_file(headers.get("content-type", ""), headers.get("x-fal-file-name"), _keep_seconds(request))
    limit_bytes = gateway.settings.upload_limit_bytes
    content = await read_body(request, limit_bytes=limit_bytes, owner=owner.key_id)
    return _json({"access_url": await store_upload(gateway.uploads, owner, file, content)})


@router.post("/storage/upload/initiate-multipart")
@router.post("/files/upload/multipart")
async def refuse_parts(request: Request) -> Response:
    """What the clients begin with files that are larger than this gateway takes."""
    await _uploader(request)
    limit = gateway_of(request).settings.upload_limit_bytes
    raise PayloadTooLarge(f"Uploads come in one piece of at most {limit} bytes; make the picture smaller.")


@router.get("/files/{file_id}/{name}")
@router.head("/files/{file_id}/{name}", include_in_schema=False)
async def fetch(request: Request) -> Response:
    """An uploaded picture, for whoever has its address."""
    uploads = gateway_of(request).uploads
    file_id, head = await find_file(uploads, request.path_params["file_id"])
    seconds = min(int(head.seconds_left), CACHE_SECONDS)
    headers = {**FILE_HEADERS, "cache-control": f"private, max-age={seconds}, immutable"}
    headers["content-length"] = str(head.size_bytes)
    if request.method == "HEAD":
        return Response(None, 200, headers, head.content_type)
    return StreamingResponse(pieces_of(uploads, file_id, head), 200, headers, head.content_type)


async def _uploader(request: Request) -> Uploader:
    """Who brings a file, by an upload token or by a caller's own credential."""
    values = request.headers.getlist("authorization")
    scheme, _, credential = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() == "bearer" and is_capability(credential.strip()):
        return Uploader.of(await _upload_token(request, credential.strip()))
    return Uploader.of(await require_caller(request))


async def _upload_token(request: Request, credential: str) -> Capability:
    capability = await require_capability(gateway_of(request).uploads, credential)
    if capability.file is not None:
        raise NotFound("This permission is for one file, at its own address.")
    return capability


def _keep_seconds(request: Request) -> int | None:
    """How long the client wants the file kept; what is no such wish is passed over.

    Access rules in the same header have nothing to rule here: the address is all that it takes.
    """
    try:
        wishes = orjson.loads(request.headers.get(LIFECYCLE_HEADER, "null"))
    except orjson.JSONDecodeError:
        return None
    seconds = wishes.get("expiration_duration_seconds") if isinstance(wishes, dict) else None
    return seconds if type(seconds) is int and seconds > 0 else None


def _check_declared(request: Request, expected: str) -> None:
    """A file that comes without a type is what it was begun as."""
    content_type = request.headers.get("content-type")
    if content_type is not None and (given := declared_type(content_type)) != expected:
        raise UnsupportedMediaType(f"This upload was begun as {expected}, and now is declared as {given}.")


def _text(given: dict[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    problem = {"loc": ["body", name], "msg": "Input should be a valid string", "type": "string_type"}
    raise InvalidInput([{**problem, "input": None, "url": "https://docs.fal.ai/errors#string_type"}])


def _json(body: dict[str, str]) -> Response:
    return Response(orjson.dumps(body), 200, {"cache-control": "no-store"}, JSON_TYPE)
