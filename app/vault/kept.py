"""A picture of a job as the vault knows it, and how it is shown. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.vault.links import VaultLinks


class ImageState(StrEnum):
    """How a picture stands in the vault."""

    PENDING = "pending"  # a try to copy it failed, and there will be others
    KEPT = "kept"
    FAILED = "failed"  # it is not fit to be kept, or could not be had within a day
    PURGED = "purged"  # it was kept for as long as its team wants


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A content in the store.

    Attributes:
        id: makes its name its own, though the same content may have been there before.
    """

    id: int
    sha256: bytes
    media_type: str
    width: int
    height: int
    size_bytes: int
    has_thumbnail: bool

    @property
    def name(self) -> str:
        """What it is called in the store."""
        return object_name(self.id, self.sha256)


@dataclass(frozen=True, slots=True)
class KeptImage:
    """A picture of a job.

    Attributes:
        place: where it stands in the job's answer.
        stored: the content; there is one exactly when it is kept.
    """

    job_id: UUID
    place: int
    state: ImageState
    error: str | None
    created_at: datetime
    stored: StoredObject | None


def object_name(object_id: int, sha256: bytes) -> str:
    """What a content is called in the store."""
    digest = sha256.hex()
    return f"{digest[:2]}/{digest}-{object_id}"


def thumbnail_name(name: str) -> str:
    """What its small form is called."""
    return f"{name}.thumbnail"


def shown_image(image: KeptImage, links: VaultLinks) -> dict[str, Any]:
    """What is known of a picture without its job's answer."""
    if image.stored is None:
        return {}
    return {
        "content_type": image.stored.media_type,
        "width": image.stored.width,
        "height": image.stored.height,
        "size_bytes": image.stored.size_bytes,
        **shown_links(image, links),
    }


def shown_links(image: KeptImage, links: VaultLinks) -> dict[str, Any]:
    """What is told of a picture beside what its job's answer says; nothing while it is not kept."""
    if image.stored is None:
        return {}
    thumbnail = links.thumbnail(image.job_id, image.place) if image.stored.has_thumbnail else None
    return {
        "vault_url": links.picture(image.job_id, image.place),
        "thumbnail_url": thumbnail,
        "sha256": image.stored.sha256.hex(),
    }
