"""Cursors: where the next page of a listing begins, signed so that they fit that listing alone. Pure."""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import orjson

from app.errors import InvalidCursor

KEY_PURPOSE: Final = "cursors"

# Changes with the meaning of what is signed.
_VERSION: Final = 1
_ID_BYTES: Final = 16
_MAC_BYTES: Final = 16
# 32 bytes are 43 characters, of which the last holds four bits: another spelling of the same bytes is
# none of ours.
_CURSOR: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


class Cursors:
    """Makes and reads the cursors of one installation; nothing of them is stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, listing: Sequence[object], last_id: UUID) -> str:
        """The cursor for what comes behind this id in a listing: its name, who asks, and all its filters."""
        signed = last_id.bytes + self._mac(listing, last_id.bytes)
        return urlsafe_b64encode(signed).rstrip(b"=").decode()

    def read(self, listing: Sequence[object], cursor: str) -> UUID:
        """The id that a cursor of the same listing names.

        Raises:
            InvalidCursor: it was made by somebody else, for somebody else, or for other filters.
        """
        if not _CURSOR.fullmatch(cursor):
            raise _invalid()
        signed = urlsafe_b64decode(f"{cursor}=")
        last_id, mac = signed[:_ID_BYTES], signed[_ID_BYTES:]
        if not hmac.compare_digest(mac, self._mac(listing, last_id)):
            raise _invalid()
        return UUID(bytes=last_id)

    def _mac(self, listing: Sequence[object], last_id: bytes) -> bytes:
        signed = orjson.dumps([_VERSION, *listing], default=str) + last_id
        return hmac.digest(self._key, signed, "sha256")[:_MAC_BYTES]


def _invalid() -> InvalidCursor:
    return InvalidCursor(
        "This is not a cursor of this listing: take `next_cursor` from the page before, with the same "
        "filters and the same credential, or begin without one."
    )
