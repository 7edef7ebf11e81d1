"""Webhooks as their receivers read them: an independent reading of the two ways in which they are signed."""

import base64
import hashlib
import json
import ssl
from typing import Any

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.support.caller import DEV, Caller
from tests.support.receiver import Received

LOOPBACK = "127.0.0.1"
# A gateway that may send webhooks to the receivers of these tests.
ALLOWING = {"webhook_allowed_hosts": LOOPBACK}


def submit_with(caller: Caller, url: str, prompt: str, **fields: object) -> httpx.Response:
    """A submit that names a webhook."""
    return caller.post(DEV, params={"fal_webhook": url}, json={"prompt": prompt, **fields})


def job_with(caller: Caller, url: str, prompt: str, **fields: object) -> str:
    """The id of a job that names a webhook."""
    answer = submit_with(caller, url, prompt, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["request_id"])


def published_keys(address: str, *, verify: ssl.SSLContext | bool = True) -> list[Ed25519PublicKey]:
    """What a receiver verifies with, read anew."""
    answer = httpx.get(f"{address}/.well-known/jwks.json", verify=verify, trust_env=False, timeout=60)
    keys = answer.raise_for_status().json()["keys"]
    return [Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "==")) for key in keys]


def is_signed(received: Received, keys: list[Ed25519PublicKey]) -> bool:
    """Whether one of the keys made both signatures."""
    return any(_has_fal_signature(received, key) and _has_standard_signature(received, key) for key in keys)


def told(received: Received) -> Any:
    """The body of a webhook."""
    return json.loads(received.body)


def _has_fal_signature(received: Received, key: Ed25519PublicKey) -> bool:
    headers = received.headers
    names = ("request-id", "user-id", "timestamp")
    lines = [headers[f"x-fal-webhook-{name}"] for name in names]
    lines.append(hashlib.sha256(received.body).hexdigest())
    signature = bytes.fromhex(headers["x-fal-webhook-signature"])
    return _is_made_by(key, signature, "\n".join(lines).encode())


def _has_standard_signature(received: Received, key: Ed25519PublicKey) -> bool:
    headers = received.headers
    version, _, signature = headers["webhook-signature"].partition(",")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    return version == "v1a" and _is_made_by(key, base64.b64decode(signature), signed)


def _is_made_by(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True
