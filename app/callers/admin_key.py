"""Recognising the admin key: the one of the settings, or the one that the first start made."""

import hmac
import time
from hashlib import sha256

from app.callers.authenticate import SCHEMES
from app.callers.key_material import ADMIN_PREFIX, new_key
from app.callers.repository import CallerRepository
from app.settings import Settings

FACT_NAME = "admin_key_digest"
REMEMBER_SECONDS = 5.0

# No text has this digest.
_NOBODYS = ""


class AdminKey:
    """The admin key of this installation; only its digest is kept, in memory as well.

    A key of the settings is the only one that counts. Without one the database is asked for the digest of the
    one that was made, and believed for five seconds.
    """

    def __init__(self, settings: Settings, repository: CallerRepository) -> None:
        self._repository = repository
        self._digest = _NOBODYS
        self._known_until = 0.0
        if settings.admin_key is not None:
            self._digest = digest_of_admin_key(settings.admin_key.get_secret_value())
            self._known_until = float("inf")

    async def fits(self, credentials: list[str]) -> bool:
        """Whether the values of the Authorization header are one, and it holds the admin key.

        Raises:
            StorageUnavailable: the database had to be asked and does not answer.
        """
        if len(credentials) != 1:
            return False
        scheme, _, key = credentials[0].partition(" ")
        if scheme.lower() not in SCHEMES:
            return False
        given = digest_of_admin_key(key.strip())
        return hmac.compare_digest(given.encode(), (await self.digest()).encode())

    async def digest(self) -> str:
        """What a session remembers of the key that began it; it changes when the key does.

        Raises:
            StorageUnavailable: the database had to be asked and does not answer.
        """
        if self._known_until <= time.monotonic():
            # The clock starts before the question: the answer may be as old as the question.
            until = time.monotonic() + REMEMBER_SECONDS
            self._digest = await self._repository.fact(FACT_NAME) or _NOBODYS
            self._known_until = until
        return self._digest


async def make_admin_key(repository: CallerRepository) -> str | None:
    """Makes the admin key unless one was made before; it is shown to whoever called this, and never again."""
    key = new_key(ADMIN_PREFIX)
    digest = digest_of_admin_key(key)
    is_ours = hmac.compare_digest(await repository.remember(FACT_NAME, digest), digest)
    return key if is_ours else None


def digest_of_admin_key(key: str) -> str:
    """What is kept of the admin key: its SHA-256, 64 hexadecimal digits."""
    return sha256(key.encode()).hexdigest()
