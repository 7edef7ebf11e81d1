"""Use case: whoever has the address of a file fetches it."""

from app.errors import NotFound
from app.uploads.addresses import parse_file_id
from app.uploads.context import Uploads
from app.uploads.repository import FileHead


async def open_file(uploads: Uploads, file_id: str, *, with_body: bool) -> tuple[FileHead, bytes]:
    """The file at this address, with its bytes where they are wanted.

    Raises:
        NotFound: there is none, or it is past its time.
    """
    parsed = parse_file_id(file_id)
    head = None if parsed is None else await uploads.repository.head(parsed)
    if parsed is None or head is None:
        raise _not_found()
    if not with_body:
        return head, b""
    body = await uploads.repository.body(parsed)
    if body is None:
        raise _not_found()
    return head, body


def _not_found() -> NotFound:
    return NotFound("There is no file at this address, or not any more.")
