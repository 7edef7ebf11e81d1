"""What a webhook says, and its signature as fal makes it."""

import base64
import hashlib
from uuid import uuid4

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.simulator.answers import failure, failure_body, output_of
from app.simulator.lanes import Job

USER_ID = "github|simulator"
STALE_SECONDS = 600


class Seal:
    """The key of one simulated upstream; the next start has another one."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._unused_key = Ed25519PrivateKey.generate()
        self._strange_key = Ed25519PrivateKey.generate()

    def published(self) -> dict[str, object]:
        """The public key as a JSON Web Key Set, behind one that never signs anything."""
        return {"keys": [_web_key(key) for key in (self._unused_key, self._key)]}

    def headers(self, body: bytes, *, request_id: str, at: float, is_forged: bool = False) -> dict[str, str]:
        """The four headers that prove who sent this body, and when."""
        timestamp = str(int(at))
        digest = hashlib.sha256(body).hexdigest()
        message = f"{request_id}\n{USER_ID}\n{timestamp}\n{digest}".encode()
        key = self._strange_key if is_forged else self._key
        return {
            "X-Fal-Webhook-Request-Id": request_id,
            "X-Fal-Webhook-User-Id": USER_ID,
            "X-Fal-Webhook-Timestamp": timestamp,
            "X-Fal-Webhook-Signature": key.sign(message).hex(),
        }


def write_letter(job: Job, image_urls: list[str]) -> tuple[str, bytes]:
    """The id that a webhook names and its body, for a job that has ended."""
    faults = job.order.directives.webhook.faults
    request_id = str(uuid4()) if "astray" in faults else job.id
    last_attempt_id = str(uuid4()) if "retried" in faults else request_id
    ids = {"request_id": request_id, "gateway_request_id": last_attempt_id}
    failed = failure(job)
    if failed is None:
        return request_id, orjson.dumps({**ids, "status": "OK", "payload": output_of(job, image_urls)})
    body = {
        **ids,
        "status": "ERROR",
        "error": f"Invalid status code: {failed[0]}",
        "payload": failure_body(failed),
    }
    return request_id, orjson.dumps(body)


def _web_key(key: Ed25519PrivateKey) -> dict[str, str]:
    public = base64.urlsafe_b64encode(key.public_key().public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": public, "use": "sig"}
