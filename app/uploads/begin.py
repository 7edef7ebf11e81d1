"""Use cases: a caller asks for an address to put one file at, or for a short-lived token to bring several."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from app.callers.caller import Caller
from app.uploads.addresses import address_of, clean_name
from app.uploads.capability import AwaitedFile, Capability
from app.uploads.context import Uploads
from app.uploads.pictures import declared_type

UPLOAD_PATH: Final = "/storage/upload/"
LIFE_SECONDS: Final = 600
# Clients ask for a new token when the old one has ended by their own clock and their own pace.
TOLD_EARLIER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class BegunUpload:
    """Where the file is put, and where it will be."""

    upload_url: str
    file_url: str


@dataclass(frozen=True, slots=True)
class UploadToken:
    """A credential for uploads alone."""

    token: str
    expires_at: datetime


def begin_upload(uploads: Uploads, caller: Caller, file: AwaitedFile) -> BegunUpload:
    """An address that takes this one file for ten minutes, from whoever holds it. Nothing is stored yet."""
    signed = uploads.signer.sign(_capability(uploads, caller, file))
    return BegunUpload(
        upload_url=f"{uploads.public_url}{UPLOAD_PATH}{file.file_id}?capability={signed}",
        file_url=address_of(uploads.public_url, file.file_id, file.file_name),
    )


def new_file(declared: str, file_name: str | None, keep_seconds: int | None) -> AwaitedFile:
    """A file that is about to come, as its owner tells of it.

    Raises:
        UnsupportedMediaType: it would be no picture of a kind that is taken.
    """
    content_type = declared_type(declared)
    # Not a UUIDv7, of which some bits are the time and others a counter: this one must not be guessed.
    return AwaitedFile(uuid4(), content_type, clean_name(file_name, content_type), keep_seconds)


def mint_upload_token(uploads: Uploads, caller: Caller) -> UploadToken:
    """A token that brings files for ten minutes and can do nothing else."""
    capability = _capability(uploads, caller, None)
    told = capability.expires_seconds - TOLD_EARLIER_SECONDS
    return UploadToken(uploads.signer.sign(capability), datetime.fromtimestamp(told, UTC))


def _capability(uploads: Uploads, caller: Caller, file: AwaitedFile | None) -> Capability:
    """It ends by the database's clock: whoever is asked next has another clock of its own."""
    expires = int(uploads.authenticator.now_seconds()) + LIFE_SECONDS
    return Capability(caller.team_id, caller.key_id, caller.token_id, expires, file)
