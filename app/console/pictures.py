"""The pictures of jobs, for pages: through the gateway, so that nobody's browser asks another host."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.callers.sessions import Session
from app.console.access import require_session, sight_of
from app.console.picture_answer import HeldPicture
from app.console.picture_shelf import PictureShelf, ShownPicture
from app.console.picture_turns import NoTurnError
from app.dialects.access import gateway_of
from app.dialects.begun import begun
from app.dialects.vault import has_it_already
from app.errors import Gone, VaultUnavailable
from app.jobs.job import JobView
from app.jobs.read import read_job, see_job
from app.upstream.answer_pictures import urls_in
from app.upstream.picture_types import type_of
from app.upstream.pictures import NoPicture
from app.vault.picture import THUMBNAIL_TYPE, UnfitPictureError, examine_picture
from app.vault.serve import ServedPicture, kept_picture, pieces_of

SMALL: Final = "thumbnail"
MOST_PLACES: Final = 1000
# Somebody is looking at the page, and others wait for their turn behind this one.
FETCH_SECONDS: Final = 5.0
AGAIN_IN_SECONDS: Final = 2

PICTURE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The browser asks each time whether it may show what it holds: whoever has signed out may not.
        "cache-control": "private, no-cache",
        "vary": "cookie",
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """A picture that the signed-in may see; while it waits for its turn nothing larger than this is held.

    Attributes:
        made_by: the job that made it; one that was given another one's answer has that one's pictures.
    """

    session: Session
    job_id: str
    made_by: UUID
    place: int

    @property
    def spot(self) -> tuple[str, int]:
        """Where it stands on the shelf."""
        return self.job_id, self.place

    @property
    def team(self) -> UUID | None:
        """In whose line it waits."""
        return _team_of(self.session)


@router.get("/console/pictures/{job_id}/{place}")
async def picture(request: Request, job_id: str, place: str) -> Response:
    """One picture of a job that the signed-in may see, whole or small."""
    session = await require_session(request)
    answer = _small if request.query_params.get("size") == SMALL else _whole
    try:
        wanted = await _wanted(request, session, job_id, place)
        return _none() if wanted is None else await answer(request, wanted)
    except Gone:
        return _none()
    except NoTurnError:
        return _later()


def place_in(text: str) -> int | None:
    """The place of a picture in an answer; None for what is none. Pure."""
    is_number = text.isascii() and text.isdecimal() and len(text) < len(str(MOST_PLACES))
    return int(text) if is_number else None


async def _wanted(request: Request, session: Session, job_id: str, place: str) -> Wanted | None:
    async with _shelf(request).looking.turn(_team_of(session)):
        view = await _view(request, session, job_id)
    number = place_in(place)
    return None if number is None else Wanted(session, view.id, view.source_job_id or UUID(view.id), number)


async def _view(request: Request, session: Session, job_id: str) -> JobView:
    """The job with what is still to be shown of it."""
    gateway = gateway_of(request)
    if session.caller is not None:
        return await read_job(gateway.jobs, session.caller, job_id)
    view = await see_job(gateway.jobs, sight_of(session), job_id)
    return view if await gateway.reports.is_whole(UUID(view.id)) else view.without_payload


async def _small(request: Request, wanted: Wanted) -> Response:
    """The small picture, from memory, from the vault, or made now."""
    shelf = _shelf(request)

    async def make() -> ShownPicture | None:
        return await _kept_small(request, wanted) or await _made_small(request, wanted)

    found = await shelf.small(wanted.spot, make)
    if found is None:
        return _none()
    headers = {**PICTURE_HEADERS, "etag": found.tag}
    if has_it_already(request, found.tag):
        return Response(None, 304, headers)
    return Response(found.content, 200, headers, found.media_type)


async def _kept_small(request: Request, wanted: Wanted) -> ShownPicture | None:
    """What the vault has; None where it does not keep this one, or does not answer now."""
    vault = gateway_of(request).vault
    kept = await kept_picture(vault, wanted.made_by, wanted.place, is_small=True)
    if kept is None:
        return None
    try:
        content = b"".join([piece async for piece in pieces_of(vault, kept)])
    except VaultUnavailable:
        return None
    return ShownPicture(content, kept.media_type, kept.tag)


async def _made_small(request: Request, wanted: Wanted) -> ShownPicture | None:
    """A small form of what the upstream has; the turn lasts until the whole one is let go of."""
    shelf = _shelf(request)
    async with shelf.fetching.turn(wanted.team):
        if shelf.knows(wanted.spot):
            return shelf.get(wanted.spot)
        whole = await _from_source(request, wanted)
        if whole is None:
            return None
        async with gateway_of(request).vault.decoding:
            # A large picture takes a tenth of a second, in which nobody else would be answered.
            return await asyncio.to_thread(_shrunk, whole)


async def _whole(request: Request, wanted: Wanted) -> Response:
    """The picture from the vault, or else from where the upstream has it."""
    kept = await kept_picture(gateway_of(request).vault, wanted.made_by, wanted.place, is_small=False)
    answer = None if kept is None else await _kept_whole(request, kept)
    return answer or await _sent_on(request, wanted)


async def _kept_whole(request: Request, kept: ServedPicture) -> Response | None:
    """The picture piece by piece; None when the store does not answer now."""
    headers = {**PICTURE_HEADERS, "etag": kept.tag, "content-length": str(kept.size_bytes)}
    if has_it_already(request, kept.tag):
        return Response(None, 304, {**PICTURE_HEADERS, "etag": kept.tag})
    try:
        pieces = await begun(pieces_of(gateway_of(request).vault, kept))
    except VaultUnavailable:
        return None
    return StreamingResponse(pieces, 200, headers, kept.media_type)


async def _sent_on(request: Request, wanted: Wanted) -> Response:
    """The picture from the upstream; the turn lasts until it has been sent."""
    shelf = _shelf(request)
    async with AsyncExitStack() as turn:
        await turn.enter_async_context(shelf.sending.turn(wanted.team))
        async with shelf.fetching.turn(wanted.team):
            content = await _from_source(request, wanted)
            media_type = None if content is None else type_of(content)
            if content is None or media_type is None:
                return _none()
            tag = await asyncio.to_thread(_tag_of, content)
        headers = {**PICTURE_HEADERS, "etag": tag}
        if has_it_already(request, tag):
            return Response(None, 304, headers)
        return HeldPicture(content, headers, media_type, until_sent=turn.pop_all())


async def _from_source(request: Request, wanted: Wanted) -> bytes | None:
    """The picture as the upstream has it; None where there is none to be had."""
    url = await _url_of(request, wanted)
    if url is None:
        return None
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            found = await gateway_of(request).pictures.find(url)
    except TimeoutError:
        return None
    return None if isinstance(found, NoPicture) else found


async def _url_of(request: Request, wanted: Wanted) -> str | None:
    """Where the upstream has the picture; None when it has none."""
    view = await _view(request, wanted.session, wanted.job_id)
    if view.answer is None:
        return None
    urls = await urls_in(view.answer.body)
    return urls[wanted.place] if wanted.place < len(urls) else None


def _shrunk(whole: bytes) -> ShownPicture | None:
    """The picture's small form; None of one that is broken or too large to be decoded."""
    try:
        small = examine_picture(whole).thumbnail
    except UnfitPictureError:
        return None
    return None if small is None else ShownPicture(small, THUMBNAIL_TYPE, _tag_of(small))


def _tag_of(content: bytes) -> str:
    return f'"{sha256(content).hexdigest()}"'


def _team_of(session: Session) -> UUID | None:
    """Admins wait in a line of their own."""
    return None if session.caller is None else session.caller.team_id


def _shelf(request: Request) -> PictureShelf:
    shelf = request.app.state.shelf
    assert isinstance(shelf, PictureShelf)  # noqa: S101 # the framework's state is untyped
    return shelf


def _none() -> Response:
    headers = {**PICTURE_HEADERS, "cache-control": "private, max-age=60"}
    return Response(NO_PICTURE, 404, headers, "image/svg+xml")


def _later() -> Response:
    """The same calm sign; the page shows the picture when it is opened again."""
    headers = {**PICTURE_HEADERS, "cache-control": "no-store", "retry-after": str(AGAIN_IN_SECONDS)}
    return Response(NO_PICTURE, 429, headers, "image/svg+xml")
