"""The vault's links: they name a picture and an end, and are signed. Pure but for the clock.

A link can be made before the picture is there: it names the job, and the picture's place in its answer.
"""

import hmac
import re
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.errors import Forbidden

KEY_PURPOSE: Final = "vault links"
THUMBNAIL: Final = "/thumbnail"

# Links of the same picture are the same for a while, so that browsers need not fetch it anew.
STEPS: Final = 24

_EXPIRES: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)


@dataclass(frozen=True, slots=True)
class VaultLinks:
    """Makes and checks the links of one installation; nothing of them is stored.

    Attributes:
        key: signs them.
        public_url: what callers call the gateway; empty where this process does not know it.
        link_seconds: how long a link is good at least.
    """

    key: bytes
    public_url: str
    link_seconds: int

    def picture(self, job_id: UUID | str, place: int) -> str:
        """A fresh link to a picture."""
        return self._link(path_of(job_id, place))

    def thumbnail(self, job_id: UUID | str, place: int) -> str:
        """A fresh link to the small form of a picture, which does not open the large one."""
        return self._link(path_of(job_id, place) + THUMBNAIL)

    def seconds_left(self, path: str, expires: str, signature: str) -> int:
        """For how long a link that was presented is good.

        Raises:
            Forbidden: nobody with our key signed it, or its time is over.
        """
        is_ours = hmac.compare_digest(_bytes(signature), _bytes(sign_link(self.key, path, expires)))
        if not is_ours or not _EXPIRES.fullmatch(expires):
            raise Forbidden("This is not a link of this gateway; ask for one at /api/images.")
        left = int(expires) - int(time.time())
        if left <= 0:
            raise Forbidden("This link's time is over; ask for a fresh one at /api/images.")
        return left

    def _link(self, path: str) -> str:
        step = max(self.link_seconds // STEPS, 1)
        expires = str((int(time.time()) // step + 1) * step + self.link_seconds)
        signature = sign_link(self.key, path, expires)
        return f"{self.public_url}{path}?expires={expires}&signature={signature}"


def sign_link(key: bytes, path: str, expires: str) -> str:
    """What proves that a path is good until then."""
    return urlsafe_b64encode(hmac.digest(key, _bytes(f"{path}\n{expires}"), "sha256")).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Whatever was sent as a text; not all of it can be written in UTF-8."""
    return text.encode(errors="surrogatepass")


def path_of(job_id: UUID | str, place: int) -> str:
    """The path of a picture's link."""
    return f"/vault/{job_id}/{place}"
