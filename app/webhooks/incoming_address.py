"""The addresses at which the upstream calls back, one for each job, with proof that we made it. Pure."""

import base64
import hmac
from typing import Final
from uuid import UUID

PREFIX: Final = "/webhooks/fal/"
PURPOSE: Final = "upstream webhooks"
# 192 bits; nobody guesses them, and base64 needs no padding.
MAC_BYTES: Final = 24


class IncomingAddresses:
    """Makes addresses and recognises them.

    Args:
        base_url: where the upstream can reach us; None makes no addresses, but still recognises them.
        key: a secret of this installation.
    """

    def __init__(self, base_url: str | None, key: bytes) -> None:
        self._base_url = base_url
        self._key = key

    def of(self, job_id: UUID) -> str | None:
        """Where the upstream is to tell of the end of this job: a secret between it and us."""
        if self._base_url is None:
            return None
        return f"{self._base_url}{PREFIX}{job_id}/{self._mac(str(job_id))}"

    def is_ours(self, job_id: str, mac: str) -> bool:
        """Whether this is an address that we made."""
        return hmac.compare_digest(self._mac(job_id).encode(), mac.encode("utf-8", "replace"))

    def hide(self, job_id: UUID, text: bytes) -> bytes:
        """The text without the secret part of a job's address, which is written alike in every encoding."""
        return text.replace(self._mac(str(job_id)).encode(), b"***")

    def _mac(self, job_id: str) -> str:
        digest = hmac.digest(self._key, job_id.encode("utf-8", "replace"), "sha256")
        return base64.urlsafe_b64encode(digest[:MAC_BYTES]).decode()
