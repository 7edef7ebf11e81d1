"""Use case: whoever has a link gets the picture, or is sent to where it is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from app.errors import Gone, NotFound
from app.upstream.answer_pictures import urls_in
from app.vault.context import Vault
from app.vault.kept import ImageState, StoredObject, thumbnail_name
from app.vault.picture import THUMBNAIL_TYPE

# As much of a picture as is held for one who fetches it, however slowly they read.
PIECE_BYTES: Final = 1_000_000
LONGEST_URL: Final = 8_192


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The picture is not kept, but the upstream's address of it is known."""

    url: str


@dataclass(frozen=True, slots=True)
class ServedPicture:
    """A picture that is kept, in its large or its small form.

    Attributes:
        tag: names exactly these bytes.
        size_bytes: None where only the store knows.
    """

    name: str
    media_type: str
    tag: str
    size_bytes: int | None


async def find_picture(
    vault: Vault, job_id: UUID, place: int, *, is_small: bool
) -> ServedPicture | Elsewhere:
    """What stands behind a link that was found good.

    Raises:
        NotFound: no such picture, or not yet.
        Gone: it was kept for as long as its team wants.
        StorageUnavailable: the database does not answer.
    """
    kept = await kept_picture(vault, job_id, place, is_small=is_small)
    if kept is not None:
        return kept
    body = None if is_small else await vault.repository.shown_answer(job_id)
    urls = [] if body is None else await urls_in(body)
    url = urls[place] if place < len(urls) else None
    if url is None or not _is_web_address(url):
        raise NotFound("There is no picture behind this link, or not yet.")
    return Elsewhere(url)


async def kept_picture(vault: Vault, job_id: UUID, place: int, *, is_small: bool) -> ServedPicture | None:
    """A picture that is kept, in this form; None where it is not.

    Raises:
        Gone: it was kept for as long as its team wants.
        StorageUnavailable: the database does not answer.
    """
    image = await vault.repository.find(job_id, place)
    if image is not None and image.state is ImageState.PURGED:
        raise gone()
    if image is None or image.stored is None or (is_small and not image.stored.has_thumbnail):
        return None
    return _served(image.stored, is_small=is_small)


async def pieces_of(vault: Vault, picture: ServedPicture) -> AsyncIterator[bytes]:
    """The picture's bytes, each piece read when the one before it has gone out.

    Raises:
        Gone: it has left the store in the meantime.
        VaultUnavailable: the store does not answer.
    """
    if picture.size_bytes is None:
        whole = await vault.store.whole(picture.name)
        if whole is None:
            raise gone()
        yield whole
        return
    for at in range(0, picture.size_bytes, PIECE_BYTES):
        piece = await vault.store.piece(picture.name, at=at, size=min(PIECE_BYTES, picture.size_bytes - at))
        if piece is None:
            raise gone()
        yield piece


def gone() -> Gone:
    """The answer for what was kept once."""
    return Gone("This picture was kept for as long as its team wants, and is not any more.")


def _served(stored: StoredObject, *, is_small: bool) -> ServedPicture:
    digest = stored.sha256.hex()
    if is_small:
        return ServedPicture(thumbnail_name(stored.name), THUMBNAIL_TYPE, f'"{digest}-thumbnail"', None)
    return ServedPicture(stored.name, stored.media_type, f'"{digest}"', stored.size_bytes)


def _is_web_address(url: str) -> bool:
    """Whether a browser may be sent there: http or https, and nothing that would end a header."""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False
