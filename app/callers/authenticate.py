"""From the Authorization header to the caller, or 401."""

import asyncio
import hashlib
import secrets
import time
from uuid import UUID

from app.callers.browser_tokens import BrowserTokens, caller_with_token, require_usable
from app.callers.caller import Caller
from app.callers.key_material import digest_of, is_well_formed
from app.callers.repository import CallerRepository
from app.callers.token_format import is_token
from app.errors import Unauthorized

REMEMBER_SECONDS = 5.0
REMEMBER_AT_MOST = 10_000
SCHEMES = frozenset({"bearer", "key"})
MARK_BYTES = 32

# A key is asked for by its digest when it is presented, and by its id when a token of it is.
WhichKey = bytes | UUID


class Authenticator:
    """Recognises keys and browser tokens.

    What the database said about a key is believed for five seconds, so a revoked key dies by then, and its
    tokens with it; so does a secret whose grace is over.
    """

    def __init__(self, repository: CallerRepository, pepper: bytes, tokens: BrowserTokens) -> None:
        self._repository = repository
        self._pepper = pepper
        self._tokens = tokens
        self._known: dict[WhichKey, tuple[float, Caller]] = {}
        # The digests of living keys, by a mark that means nothing outside this process: to check a key's form
        # and to digest it costs three times as much.
        self._digests: dict[bytes, bytes] = {}
        self._marking_key = secrets.token_bytes(MARK_BYTES)
        self._asking: dict[WhichKey, asyncio.Task[Caller | None]] = {}

    async def require_caller(self, credentials: list[str], origins: list[str]) -> Caller:
        """The caller behind the values of the Authorization header, sent with these values of Origin.

        Raises:
            Unauthorized: there is none, more than one, or not one that this gateway knows and honours; or a
                token that has ended or is bound to another origin.
            StorageUnavailable: the database had to be asked and does not answer.
        """
        credential = _only_credential(credentials)
        if is_token(credential):
            return await self._caller_with_token(credential, origins)
        mark = hashlib.blake2b(credential.encode(), key=self._marking_key, digest_size=MARK_BYTES).digest()
        digest = self._digests.get(mark) or self._digest_of(credential)
        caller = await self._find(digest)
        if caller is None:
            self._digests.pop(mark, None)
            raise Unauthorized("This key is unknown, revoked or expired.")
        if len(self._digests) >= REMEMBER_AT_MOST:
            self._digests.clear()
        self._digests[mark] = digest
        return caller

    def _digest_of(self, key: str) -> bytes:
        if not is_well_formed(key):
            raise Unauthorized(
                "This is no caller's key of this gateway: `Bearer` or `Key`, a space, then `fg_...`. "
                "The admin key submits and reads no jobs."
            )
        return digest_of(key, self._pepper)

    async def _caller_with_token(self, token: str, origins: list[str]) -> Caller:
        claims = self._tokens.signer.read(token)
        if claims is None:
            raise Unauthorized("This is not a browser token of this gateway; ask your backend for a new one.")
        parent = await self.find_living(claims.key_id, claims.team_id)
        require_usable(claims, origins[0] if len(origins) == 1 else None, self.now_seconds())
        if parent is None or claims.secret_number < parent.secret_number:
            raise Unauthorized(
                "The key that this browser token was minted with is revoked, expired or has another secret."
            )
        return caller_with_token(parent, claims)

    def now_seconds(self) -> float:
        """Seconds since 1970 by the database's clock, which is known once it was asked for a caller.

        So the key comes before the end of whatever was signed for it.
        """
        return time.time() + self._repository.ahead_seconds

    async def find_living(self, key_id: UUID, team_id: UUID) -> Caller | None:
        """The caller of the key that something signed names; None when the key is not honoured any more.

        Raises:
            StorageUnavailable: the database had to be asked and does not answer.
        """
        caller = await self._find(key_id)
        return caller if caller is not None and caller.team_id == team_id else None

    async def _find(self, which: WhichKey) -> Caller | None:
        """The caller of a living key, as it was at most five seconds ago."""
        known = self._known.get(which)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await self._ask_once(which)
        if caller is None:
            self._known.pop(which, None)
        return caller

    async def _ask_once(self, which: WhichKey) -> Caller | None:
        """Asks the database; requests that come meanwhile with the same key wait for the same answer."""
        task = self._asking.get(which)
        if task is None:
            task = asyncio.ensure_future(self._ask(which))
            self._asking[which] = task
            task.add_done_callback(lambda ended: self._answered(which, ended))
        return await asyncio.shield(task)

    def _answered(self, which: WhichKey, task: asyncio.Task[Caller | None]) -> None:
        """Reads the outcome once, in case that all who asked have gone."""
        self._asking.pop(which, None)
        if not task.cancelled():
            task.exception()

    async def _ask(self, which: WhichKey) -> Caller | None:
        # The clock starts before the question: the answer may be as old as the question.
        until = time.monotonic() + REMEMBER_SECONDS
        if isinstance(which, UUID):
            caller = await self._repository.find_by_key_id(which)
        else:
            caller = await self._repository.find_by_digest(which)
        if caller is not None:
            if len(self._known) >= REMEMBER_AT_MOST:
                self._known.clear()
            self._known[which] = (until, caller)
        return caller


def _only_credential(credentials: list[str]) -> str:
    """What follows the scheme in the one Authorization header."""
    if not credentials:
        raise Unauthorized("Send your key as `Authorization: Bearer fg_...` or `Authorization: Key fg_...`.")
    if len(credentials) > 1:
        raise Unauthorized("Send one Authorization header, not several.")
    scheme, _, credential = credentials[0].partition(" ")
    if scheme.lower() not in SCHEMES:
        raise Unauthorized("Write `Bearer` or `Key`, a space, then the credential.")
    return credential.strip()
