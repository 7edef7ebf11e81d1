"""The pictures of jobs, for pages: through the gateway, so that nobody's browser asks another host."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.callers.sessions import Session
from app.console.access import require_session, sight_of
from app.console.picture_shelf import PictureShelf, ShownPicture
from app.dialects.access import gateway_of
from app.errors import Gone, NotFound, VaultUnavailable
from app.jobs.job import JobView
from app.jobs.read import read_job, see_job
from app.upstream.answer_pictures import answer_object, pictures_of, url_of
from app.upstream.picture_types import type_of
from app.upstream.pictures import NoPicture
from app.vault.picture import THUMBNAIL_TYPE, UnfitPictureError, examine_picture
from app.vault.serve import Elsewhere, find_picture, pieces_of

SMALL: Final = "thumbnail"
MOST_PLACES: Final = 1000
# Somebody is looking at the page, and others wait for their turn behind this one.
FETCH_SECONDS: Final = 5.0

PICTURE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cache-control": "private, max-age=3600",
        "content-security-policy": "default-src 'none'; sandbox",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
)
# A table stays calm where a picture has gone.
NO_PICTURE: Final = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 44 44" width="44" height="44">'
    b'<rect width="44" height="44" fill="#8886"/><path d="M14 30l6-8 4 5 3-3 4 6z" fill="#8889"/></svg>'
)

router = APIRouter(include_in_schema=False)


@router.get("/console/pictures/{job_id}/{place}")
async def picture(request: Request, job_id: str, place: str) -> Response:
    """One picture of a job that the signed-in may see, whole or small."""
    session = await require_session(request)
    view = await _view(request, session, job_id)
    number = place_in(place)
    if number is None:
        return _none()
    find = _small if request.query_params.get("size") == SMALL else _whole
    try:
        found = await find(request, view, number)
    except Gone:
        found = None
    return _none() if found is None else Response(found.content, 200, dict(PICTURE_HEADERS), found.media_type)


def place_in(text: str) -> int | None:
    """The place of a picture in an answer; None for what is none. Pure."""
    is_number = text.isascii() and text.isdecimal() and len(text) < len(str(MOST_PLACES))
    return int(text) if is_number else None


def url_at(view: JobView, place: int) -> str | None:
    """Where the upstream has the picture at this place; None when the answer has none, or is gone. Pure."""
    pictures = [] if view.answer is None else pictures_of(answer_object(view.answer.body)) or []
    return url_of(pictures[place]) if place < len(pictures) else None


async def _view(request: Request, session: Session, job_id: str) -> JobView:
    """The job with what is still to be shown of it."""
    gateway = gateway_of(request)
    if session.caller is not None:
        return await read_job(gateway.jobs, session.caller, job_id)
    view = await see_job(gateway.jobs, sight_of(session), job_id)
    return view if await gateway.reports.is_whole(UUID(view.id)) else view.without_payload


async def _small(request: Request, view: JobView, place: int) -> ShownPicture | None:
    shelf: PictureShelf = request.app.state.shelf

    async def make() -> ShownPicture | None:
        kept = await _kept(request, view, place, is_small=True)
        if kept is not None:
            return kept
        whole = await _whole(request, view, place)
        if whole is None:
            return None
        async with shelf.decoding:
            # A large picture takes a tenth of a second, in which nobody else would be answered.
            return await asyncio.to_thread(_shrunk, whole)

    return await shelf.small((view.id, place), make)


async def _whole(request: Request, view: JobView, place: int) -> ShownPicture | None:
    """The picture from the vault, or else from where the upstream has it."""
    kept = await _kept(request, view, place, is_small=False)
    url = url_at(view, place)
    if kept is not None or url is None:
        return kept
    shelf: PictureShelf = request.app.state.shelf
    async with shelf.fetching:
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                found = await gateway_of(request).pictures.find(url)
        except TimeoutError:
            return None
    if isinstance(found, NoPicture):
        return None
    media_type = type_of(found)
    return None if media_type is None else ShownPicture(found, media_type)


async def _kept(request: Request, view: JobView, place: int, *, is_small: bool) -> ShownPicture | None:
    """What the vault has; None where it does not keep this one, or does not answer now.

    Raises:
        Gone: it was kept for as long as its team wants.
    """
    vault = gateway_of(request).vault
    try:
        # A job that was given another one's answer has that one's pictures.
        found = await find_picture(vault, view.source_job_id or UUID(view.id), place, is_small=is_small)
        if isinstance(found, Elsewhere):
            return None
        content = b"".join([piece async for piece in pieces_of(vault, found)])
    except (NotFound, VaultUnavailable):
        return None
    return ShownPicture(content, found.media_type)


def _shrunk(whole: ShownPicture) -> ShownPicture | None:
    """The picture's small form; None of one that is broken or too large to be decoded."""
    try:
        small = examine_picture(whole.content).thumbnail
    except UnfitPictureError:
        return None
    return None if small is None else ShownPicture(small, THUMBNAIL_TYPE)


def _none() -> Response:
    headers = {**PICTURE_HEADERS, "cache-control": "private, max-age=60"}
    return Response(NO_PICTURE, 404, headers, "image/svg+xml")
