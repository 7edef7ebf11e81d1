"""What allows an upload without a key: a text that says who may bring what until when, signed. Pure.

The form is that of browser tokens: a prefix, claims as JSON in base64, a point, an HMAC-SHA-256 with a fixed
algorithm. Whoever holds it can read the claims; none is a secret.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from itsdangerous import Signer
from itsdangerous.encoding import base64_decode, base64_encode

PREFIX: Final = "fgu_"
PURPOSE: Final = b"fluxgate upload 1"
# The largest claims, with a file's name, stay below.
LENGTH: Final = 2_000

# 32 bytes are 43 characters, of which the last holds four bits: no other spelling of a signature is taken.
_FORM: Final = re.compile(rf"{PREFIX}[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]")


@dataclass(frozen=True, slots=True)
class AwaitedFile:
    """The one file that may be put at an address.

    Attributes:
        keep_seconds: how long its owner wants it kept at most; None as long as the gateway likes.
    """

    file_id: UUID
    content_type: str
    file_name: str
    keep_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """Who may upload, until when.

    Attributes:
        key_id: the key it was made with, and dies with.
        token_id: the browser token it was made with, if it was; the files are that token's then.
        expires_seconds: since 1970.
        file: the file that is awaited; None where any may come.
    """

    team_id: UUID
    key_id: UUID
    token_id: UUID | None
    expires_seconds: int
    file: AwaitedFile | None = None


class CapabilitySigner:
    """Writes capabilities, and reads none but its own."""

    def __init__(self, secret: bytes) -> None:
        self._signer = Signer(secret, salt=PURPOSE, key_derivation="hmac", digest_method=hashlib.sha256)

    def sign(self, capability: Capability) -> str:
        """The capability as a text for headers and addresses."""
        return PREFIX + self._signer.sign(base64_encode(orjson.dumps(_members(capability)))).decode()

    def read(self, text: str) -> Capability | None:
        """What a text of this signer says, however old; None for every other text."""
        if len(text) > LENGTH or not _FORM.fullmatch(text):
            return None
        payload, _, signature = text.removeprefix(PREFIX).partition(".")
        if not self._signer.verify_signature(payload, signature):
            return None
        return _capability(orjson.loads(base64_decode(payload)))


def is_capability(credential: str) -> bool:
    """Whether the credential claims to be one; whether it is, only a signer can say."""
    return credential.startswith(PREFIX)


def _members(capability: Capability) -> dict[str, Any]:
    file = capability.file
    named = {
        "g": str(capability.team_id),
        "k": str(capability.key_id),
        "t": capability.token_id and str(capability.token_id),
        "x": capability.expires_seconds,
        "f": file and [str(file.file_id), file.content_type, file.file_name, file.keep_seconds],
    }
    return {name: value for name, value in named.items() if value is not None}


def _capability(members: dict[str, Any]) -> Capability:
    """The members are ours: nobody else could have signed them."""
    file, token_id = members.get("f"), members.get("t")
    return Capability(
        team_id=UUID(members["g"]),
        key_id=UUID(members["k"]),
        token_id=None if token_id is None else UUID(token_id),
        expires_seconds=members["x"],
        file=None if file is None else AwaitedFile(UUID(file[0]), *file[1:]),
    )
