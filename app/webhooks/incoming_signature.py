"""fal's signature on a webhook: what it covers, by which keys it is recognised, how old it may be. Pure."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE_SECONDS: Final = 300
MOST_KEYS: Final = 50
KEY_BYTES: Final = 32

REQUEST_ID: Final = "x-fal-webhook-request-id"
USER_ID: Final = "x-fal-webhook-user-id"
TIMESTAMP: Final = "x-fal-webhook-timestamp"
SIGNATURE: Final = "x-fal-webhook-signature"

_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-fA-F]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, when, and the signature."""

    message: bytes
    at: int
    signature: bytes

    def is_fresh(self, now: float) -> bool:
        """Whether it was signed within five minutes of now; `now` is in unix seconds."""
        return abs(now - self.at) <= TOLERANCE_SECONDS

    def is_by_one_of(self, keys: Iterable[bytes]) -> bool:
        """Whether one of these public keys belongs to the key that signed it."""
        return any(self._is_by(key) for key in keys)

    def _is_by(self, key: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(self.signature, self.message)
        except InvalidSignature:
            return False
        return True


def read_signed(headers: Sequence[tuple[str, str]], body: bytes) -> Signed | None:
    """The signature on this body; None when a header is missing, malformed, or there twice.

    Args:
        headers: names in lower case and values.
        body: to the byte as it came.
    """
    found = {name: value for name, value in headers if name in (REQUEST_ID, USER_ID, TIMESTAMP, SIGNATURE)}
    if len(found) != 4 or sum(name in found for name, _ in headers) != 4:
        return None
    timestamp, signature = found[TIMESTAMP], found[SIGNATURE]
    if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
        return None
    digest = hashlib.sha256(body).hexdigest()
    message = f"{found[REQUEST_ID]}\n{found[USER_ID]}\n{timestamp}\n{digest}"
    return Signed(message.encode(), int(timestamp), bytes.fromhex(signature))


def read_web_keys(document: bytes) -> tuple[bytes, ...]:
    """The Ed25519 keys of a JSON Web Key Set; what is anything else is passed over."""
    try:
        found = orjson.loads(document)
    except orjson.JSONDecodeError:
        return ()
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list):
        return ()
    read = (_read_key(key) for key in keys[:MOST_KEYS])
    return tuple(key for key in read if key is not None)


def _read_key(key: Any) -> bytes | None:  # noqa: ANN401 # JSON of somebody else
    if not isinstance(key, dict) or (key.get("kty"), key.get("crv")) != ("OKP", "Ed25519"):
        return None
    try:
        raw = base64.b64decode(str(key.get("x")) + "===", altchars=b"-_")
    except ValueError:
        return None
    return raw if len(raw) == KEY_BYTES else None
