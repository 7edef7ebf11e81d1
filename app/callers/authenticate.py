"""From the Authorization header to the caller, or 401."""

import asyncio
import time

from app.callers.caller import Caller
from app.callers.key_material import digest_of, is_well_formed
from app.callers.repository import CallerRepository
from app.errors import Unauthorized

REMEMBER_SECONDS = 5.0
REMEMBER_AT_MOST = 10_000
SCHEMES = frozenset({"bearer", "key"})


class Authenticator:
    """Recognises keys; what the database said is believed for five seconds, so a revoked key dies by then."""

    def __init__(self, repository: CallerRepository, pepper: bytes) -> None:
        self._repository = repository
        self._pepper = pepper
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._asking: dict[bytes, asyncio.Task[Caller | None]] = {}

    async def require_caller(self, credentials: list[str]) -> Caller:
        """The caller behind the values of the Authorization header.

        Raises:
            Unauthorized: there is none, more than one, or not one that this gateway knows and honours.
            StorageUnavailable: the database had to be asked and does not answer.
        """
        digest = digest_of(_key_in(credentials), self._pepper)
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await self._ask_once(digest)
        if caller is None:
            self._known.pop(digest, None)
            raise Unauthorized("This key is unknown, revoked or expired.")
        return caller

    async def _ask_once(self, digest: bytes) -> Caller | None:
        """Asks the database; requests that come meanwhile with the same key wait for the same answer."""
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._ask(digest))
            self._asking[digest] = task
            task.add_done_callback(lambda ended: self._answered(digest, ended))
        return await asyncio.shield(task)

    def _answered(self, digest: bytes, task: asyncio.Task[Caller | None]) -> None:
        """Reads the outcome once, in case that all who asked have gone."""
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()

    async def _ask(self, digest: bytes) -> Caller | None:
        # The clock starts before the question: the answer may be as old as the question.
        until = time.monotonic() + REMEMBER_SECONDS
        caller = await self._repository.find_by_digest(digest)
        if caller is not None:
            if len(self._known) >= REMEMBER_AT_MOST:
                self._known.clear()
            self._known[digest] = (until, caller)
        return caller


def _key_in(credentials: list[str]) -> str:
    if not credentials:
        raise Unauthorized("Send your key as `Authorization: Bearer fg_...` or `Authorization: Key fg_...`.")
    if len(credentials) > 1:
        raise Unauthorized("Send one Authorization header, not several.")
    scheme, _, key = credentials[0].partition(" ")
    key = key.strip()
    if scheme.lower() not in SCHEMES or not is_well_formed(key):
        raise Unauthorized("This is not a key of this gateway: `Bearer` or `Key`, a space, then `fg_...`.")
    return key
