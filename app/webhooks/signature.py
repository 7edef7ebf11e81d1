"""How a webhook proves that it is ours: fal's headers and those of Standard Webhooks, by Ed25519. Pure."""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SEED_BYTES: Final = 32


class SigningKeys:
    """A ring of Ed25519 keys: the first signs, receivers find all of them in the key set."""

    def __init__(self, seeds: Sequence[bytes]) -> None:
        self._keys = [Ed25519PrivateKey.from_private_bytes(seed) for seed in seeds]
        self.key_set: Final = {"keys": [_public(key) for key in self._keys]}

    def headers(self, *, job_id: UUID, team_id: UUID, timestamp: int, body: bytes) -> dict[str, str]:
        """What goes with one try; the id is the job's, so it is the same on every try."""
        request_id, user_id, message_id = str(job_id), str(team_id), message_id_of(job_id)
        fal = "\n".join((request_id, user_id, str(timestamp), hashlib.sha256(body).hexdigest()))
        standard = f"{message_id}.{timestamp}.".encode() + body
        return {
            "x-fal-webhook-request-id": request_id,
            "x-fal-webhook-user-id": user_id,
            "x-fal-webhook-timestamp": str(timestamp),
            "x-fal-webhook-signature": self._sign(fal.encode()).hex(),
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": f"v1a,{base64.b64encode(self._sign(standard)).decode()}",
        }

    def _sign(self, message: bytes) -> bytes:
        return self._keys[0].sign(message)


def message_id_of(job_id: UUID) -> str:
    """The id by which a receiver knows a webhook that it has had before."""
    return f"msg_{job_id}"


def _public(key: Ed25519PrivateKey) -> dict[str, Any]:
    """A public key as RFC 8037 writes it; its id is the thumbprint of RFC 7638."""
    raw = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).rstrip(b"=").decode()
    named = {"crv": "Ed25519", "kty": "OKP", "x": raw}
    thumbprint = hashlib.sha256(orjson.dumps(named, option=orjson.OPT_SORT_KEYS)).digest()
    kid = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
    return named | {"kid": kid, "use": "sig", "alg": "EdDSA"}
