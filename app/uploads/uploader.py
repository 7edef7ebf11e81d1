"""Who brings a file: a caller, or the holder of something that a caller was given for it."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from app.callers.caller import Caller
from app.errors import Unauthorized
from app.uploads.capability import Capability
from app.uploads.context import Uploads


@dataclass(frozen=True, slots=True)
class Uploader:
    """Whose a file will be: the team's, or one browser token's alone."""

    team_id: UUID
    key_id: UUID
    token_id: UUID | None

    @classmethod
    def of(cls, owner: Caller | Capability) -> Self:
        """The owner that a caller or a capability stands for."""
        return cls(owner.team_id, owner.key_id, owner.token_id)


async def require_capability(uploads: Uploads, text: str) -> Capability:
    """What a signed text allows, as long as its key lives.

    Raises:
        Unauthorized: it is not one of ours, it has ended, or its key has.
        StorageUnavailable: the database had to be asked for the key and does not answer.
    """
    capability = uploads.signer.read(text)
    if capability is None:
        raise Unauthorized("This is no permission of this gateway to upload; ask for a new one.")
    if await uploads.authenticator.find_living(capability.key_id, capability.team_id) is None:
        raise Unauthorized("The key that this upload was begun with is revoked or expired.")
    if uploads.authenticator.now_seconds() >= capability.expires_seconds:
        raise Unauthorized("This permission to upload has ended; ask for a new one.")
    return capability
