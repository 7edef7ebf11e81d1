"""Use case: a file comes in and is stored, once."""

import asyncio
from hashlib import sha256

from app.errors import Conflict, PayloadTooLarge
from app.uploads.addresses import address_of
from app.uploads.capability import AwaitedFile
from app.uploads.context import Uploads
from app.uploads.pictures import check_content
from app.uploads.repository import NewUpload, StoreOutcome
from app.uploads.uploader import Uploader


async def store_upload(uploads: Uploads, owner: Uploader, file: AwaitedFile, content: bytes) -> str:
    """Stores the picture and returns its address. The same bytes again change nothing: clients repeat.

    Raises:
        UnsupportedMediaType: the bytes are not those of the declared type.
        PayloadTooLarge: the team, or the browser token, has no room left for it.
        Conflict: another picture was put there before.
        StorageUnavailable: nothing is known to be stored; the same may be sent again.
    """
    check_content(content, file.content_type)
    # Hashing lets others run, in a thread.
    digest = await asyncio.to_thread(sha256, content)
    longest = uploads.settings.upload_ttl_seconds
    outcome = await uploads.repository.store(
        NewUpload(
            id=file.file_id,
            team_id=owner.team_id,
            key_id=owner.key_id,
            token_id=owner.token_id,
            content_type=file.content_type,
            file_name=file.file_name,
            sha256=digest.digest(),
            body=content,
        ),
        ttl_seconds=float(min(file.keep_seconds or longest, longest)),
        team_limit_bytes=uploads.settings.upload_team_limit_bytes,
        token_limit_bytes=uploads.settings.upload_token_limit_bytes,
    )
    if outcome is StoreOutcome.NO_ROOM:
        raise _no_room(uploads, "team", uploads.settings.upload_team_limit_bytes)
    if outcome is StoreOutcome.NO_ROOM_FOR_TOKEN:
        raise _no_room(uploads, "token", uploads.settings.upload_token_limit_bytes)
    if outcome is StoreOutcome.OTHER_IS_THERE:
        raise Conflict("Another file was put at this address before; begin a new upload.")
    return address_of(uploads.public_url, file.file_id, file.file_name)


def _no_room(uploads: Uploads, scope: str, limit_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"With this file the uploads of your {scope} would pass {limit_bytes} bytes; each is kept "
        f"{uploads.settings.upload_ttl_seconds} seconds at most, and makes room then.",
        facts={"scope": scope, "limit_bytes": limit_bytes},
    )
