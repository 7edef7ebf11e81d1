"""The vault's links: a picture for whoever has one, as bytes that can only be shown. Only translates."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.dialects.access import gateway_of
from app.dialects.begun import begun
from app.errors import NotFound
from app.jobs.read import parse_id
from app.operations.request_scope import OPERATION
from app.vault.context import Vault
from app.vault.links import THUMBNAIL
from app.vault.serve import Elsewhere, ServedPicture, find_picture, pieces_of

# Whatever a file may be beside a picture does nothing; and the address, which opens it, is told to nobody.
PICTURE_HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "cross-origin",
    "referrer-policy": "no-referrer",
    # Whole or not at all: pictures are small, and ranges have been a way to keep servers busy.
    "accept-ranges": "none",
}
LAST_PLACE: Final = 999

router = APIRouter(prefix="/vault", tags=["vault"])


@router.get("/{job_id}/{place}")
@router.head("/{job_id}/{place}", include_in_schema=False)
@router.get("/{job_id}/{place}/thumbnail")
@router.head("/{job_id}/{place}/thumbnail", include_in_schema=False)
async def fetch(request: Request) -> Response:
    """A picture of a job, or its small form; where the upstream has it while it is not kept yet."""
    request.scope[OPERATION] = "vault"
    vault = gateway_of(request).vault
    path, query = request.scope["path"], request.query_params
    left = vault.links.seconds_left(path, query.get("expires", ""), query.get("signature", ""))
    job_id, place = parse_id(request.path_params["job_id"]), _place(request.path_params["place"])
    if job_id is None or place is None:
        raise NotFound("There is no picture behind this link.")
    found = await find_picture(vault, job_id, place, is_small=path.endswith(THUMBNAIL))
    if isinstance(found, Elsewhere):
        headers = {"location": found.url, "cache-control": "no-store", "referrer-policy": "no-referrer"}
        return Response(None, 307, headers)
    name = f"{job_id}-{place}.{found.media_type.removeprefix('image/')}"
    return await _answer(request, vault, found, name, left)


async def _answer(
    request: Request, vault: Vault, picture: ServedPicture, file_name: str, seconds_left: int
) -> Response:
    headers = {
        **PICTURE_HEADERS,
        "etag": picture.tag,
        "cache-control": f"private, max-age={seconds_left}, immutable",
    }
    if has_it_already(request, picture.tag):
        return Response(None, 304, headers)
    headers["content-disposition"] = f'inline; filename="{file_name}"'
    if picture.size_bytes is not None:
        headers["content-length"] = str(picture.size_bytes)
    if request.method == "HEAD":
        return Response(None, 200, headers, picture.media_type)
    return StreamingResponse(await begun(pieces_of(vault, picture)), 200, headers, picture.media_type)


def has_it_already(request: Request, tag: str) -> bool:
    """Whether the browser holds exactly these bytes."""
    told = request.headers.get("if-none-match", "").split(",")
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in told)


def _place(text: str) -> int | None:
    """A place as we write it."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(LAST_PLACE))
    return int(text) if is_number and str(int(text)) == text else None
