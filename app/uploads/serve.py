"""Use case: whoever has the address of a file fetches it."""

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from app.errors import NotFound
from app.uploads.addresses import parse_file_id
from app.uploads.context import Uploads
from app.uploads.repository import FileHead

# As much of a file as is held for one who fetches it, however slowly they read.
PIECE_BYTES: Final = 1_000_000


async def find_file(uploads: Uploads, file_id: str) -> tuple[UUID, FileHead]:
    """The file at this address.

    Raises:
        NotFound: there is none, or it is past its time.
    """
    parsed = parse_file_id(file_id)
    head = None if parsed is None else await uploads.repository.head(parsed)
    if parsed is None or head is None:
        raise NotFound("There is no file at this address, or not any more.")
    return parsed, head


async def pieces_of(uploads: Uploads, file_id: UUID, head: FileHead) -> AsyncIterator[bytes]:
    """The file's bytes, each piece read when the one before it has gone out."""
    for at in range(0, head.size_bytes, PIECE_BYTES):
        yield await uploads.repository.piece(file_id, at=at, size=PIECE_BYTES)
