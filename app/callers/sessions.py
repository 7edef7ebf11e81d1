"""Signed-in browsers: the key is given once, and from then on a secret that is worth nothing elsewhere."""

import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Final

from app.callers.admin_key import AdminKey
from app.callers.authenticate import Authenticator
from app.callers.caller import Caller
from app.callers.pepper import derived_key
from app.callers.session_repository import SessionRepository
from app.errors import Forbidden, Unauthorized
from app.settings import Settings
from app.storage.postgres import Database

CSRF_PURPOSE: Final = "page requests"
CSRF_HEADER: Final = "x-fluxgate-csrf"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})

_SECRET_BYTES: Final = 32
_SECRET_LENGTH: Final = 43
_COOKIE: Final = "fluxgate_session"


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in.

    Attributes:
        caller: the key's caller, with all that its team may see; None for the admin key.
        csrf_token: what a request of our own page carries, and no other page can know.
        expires_at: when the key has to be given again.
    """

    caller: Caller | None
    csrf_token: str
    expires_at: datetime

    @property
    def is_admin(self) -> bool:
        """Whether the admin key was given."""
        return self.caller is None

    def require_own_page(self, given: str | None) -> None:
        """Lets a request pass that one of our own pages has made.

        Raises:
            Forbidden: it does not carry this session's token.
        """
        if not hmac.compare_digest((given or "").encode(), self.csrf_token.encode()):
            raise Forbidden("This form is not from this sign-in: load the page anew, and try again.")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What the browser is given."""

    secret: str
    expires_at: datetime


class Sessions:
    """Begins, finds and ends sessions.

    A key that is revoked ends its own within five seconds, and so does a secret that does not count any more
    those that were begun with it.
    """

    def __init__(
        self,
        repository: SessionRepository,
        authenticator: Authenticator,
        admin_key: AdminKey,
        *,
        csrf_key: bytes,
        ttl_seconds: float,
        cookie_name: str,
    ) -> None:
        self._repository = repository
        self._authenticator = authenticator
        self._admin_key = admin_key
        self._csrf_key = csrf_key
        self._ttl_seconds = ttl_seconds
        self.cookie_name = cookie_name

    async def sign_in(self, key: str) -> SignedIn:
        """Begins a session with a caller's key or the admin key.

        Raises:
            Unauthorized: it is neither, or not honoured any more, or a browser token.
            StorageUnavailable: the database does not answer.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        digest, credentials = _digest_of(secret), [f"Bearer {key}"]
        if await self._admin_key.fits(credentials):
            admin_digest = await self._admin_key.digest()
            ends_at = await self._repository.add_for_admin(digest, admin_digest, self._ttl_seconds)
            return SignedIn(secret, ends_at)
        caller = await self._authenticator.require_caller(credentials, [])
        if caller.token_id is not None:
            raise Unauthorized("A browser token does not sign in; it takes a key.")
        ends_at = await self._repository.add_for_key(digest, caller, self._ttl_seconds)
        return SignedIn(secret, ends_at)

    async def find(self, secret: str | None) -> Session | None:
        """The session of this secret, while it lasts and its key is honoured.

        Raises:
            StorageUnavailable: the database does not answer.
        """
        if secret is None or len(secret) != _SECRET_LENGTH:
            return None
        row = await self._repository.find(_digest_of(secret))
        if row is None:
            return None
        csrf_token = hmac.digest(self._csrf_key, secret.encode(), "sha256").hex()
        if row["key_id"] is None:
            is_current = hmac.compare_digest(row["admin_digest"], await self._admin_key.digest())
            return Session(None, csrf_token, row["expires_at"]) if is_current else None
        caller = await self._authenticator.find_living(row["key_id"], row["team_id"])
        if caller is None or row["secret_number"] < caller.secret_number:
            return None
        own = replace(caller, secret_number=row["secret_number"])
        return Session(own, csrf_token, row["expires_at"])

    async def sign_out(self, secret: str) -> None:
        """Ends a session."""
        await self._repository.remove(_digest_of(secret))


def open_sessions(
    settings: Settings,
    database: Database,
    authenticator: Authenticator,
    admin_key: AdminKey,
    *,
    pepper: bytes,
    public_url: str,
) -> Sessions:
    """The sessions of one installation; over TLS their cookie is bound to this very host."""
    prefix = "__Host-" if public_url.startswith("https://") else ""
    return Sessions(
        SessionRepository(database),
        authenticator,
        admin_key,
        csrf_key=derived_key(pepper, CSRF_PURPOSE),
        ttl_seconds=settings.session_seconds,
        cookie_name=f"{prefix}{_COOKIE}",
    )


def _digest_of(secret: str) -> bytes:
    return sha256(secret.encode()).digest()
