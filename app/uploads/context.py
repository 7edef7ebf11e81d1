"""What the use cases of uploads work with: one typed object, opened by the lifespan."""

from dataclasses import dataclass
from typing import Final

from app.callers.authenticate import Authenticator
from app.callers.pepper import derived_key
from app.settings import Settings
from app.storage.postgres import Database
from app.uploads.addresses import files_url
from app.uploads.capability import CapabilitySigner
from app.uploads.repository import UploadRepository
from app.upstream.reach import is_on_the_internet

PURPOSE: Final = "uploads"


@dataclass(frozen=True, slots=True)
class Uploads:
    """The parts behind taking files in, serving them and handing them upstream.

    Attributes:
        public_url: what callers call the gateway; the addresses of files begin with it.
        go_as_data: whether the upstream is handed a file itself, or the address where it can fetch it.
        marker: what the JSON of an input holds that names a file of ours.
    """

    settings: Settings
    repository: UploadRepository
    authenticator: Authenticator
    signer: CapabilitySigner
    public_url: str
    go_as_data: bool
    marker: bytes


def open_uploads(
    settings: Settings, database: Database, authenticator: Authenticator, pepper: bytes, public_url: str
) -> Uploads:
    """All processes with this pepper sign alike."""
    return Uploads(
        settings=settings,
        repository=UploadRepository(database),
        authenticator=authenticator,
        signer=CapabilitySigner(derived_key(pepper, PURPOSE)),
        public_url=public_url,
        go_as_data=_go_as_data(settings),
        marker=f'"{files_url(public_url)}'.encode(),
    )


def _go_as_data(settings: Settings) -> bool:
    if settings.uploads_upstream == "auto":
        return not is_on_the_internet(settings.public_url)
    return settings.uploads_upstream == "data"
