"""Every statement on signed-in browsers."""

from datetime import datetime
from uuid import UUID

from app.callers.caller import Caller
from app.storage.postgres import Database, Row

ADD = """
    INSERT INTO sessions (digest, key_id, team_id, secret_number, admin_digest, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, now(), now() + make_interval(secs => $6))
    RETURNING expires_at
"""

FIND = """
    SELECT key_id, team_id, secret_number, admin_digest, expires_at FROM sessions
    WHERE digest = $1 AND expires_at > now()
"""

REMOVE = "DELETE FROM sessions WHERE digest = $1"


class SessionRepository:
    """Sessions as they are stored: by the digest of a secret that only the browser has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_for_key(self, digest: bytes, caller: Caller, ttl_seconds: float) -> datetime:
        """Adds the session of a caller's key, begun with one of its secrets; when it ends."""
        owner = caller.key_id, caller.team_id, caller.secret_number
        return await self._add(digest, *owner, None, ttl_seconds)

    async def add_for_admin(self, digest: bytes, admin_digest: str, ttl_seconds: float) -> datetime:
        """Adds the session of the admin key with this digest; when it ends."""
        return await self._add(digest, None, None, None, admin_digest, ttl_seconds)

    async def find(self, digest: bytes) -> Row | None:
        """The session that has not ended."""
        rows = await self._database.execute(FIND, digest)
        return rows[0] if rows else None

    async def remove(self, digest: bytes) -> None:
        """Ends a session, if there is one."""
        await self._database.execute(REMOVE, digest)

    async def _add(self, digest: bytes, *owner: UUID | str | float | None) -> datetime:
        rows = await self._database.execute(ADD, digest, *owner)
        ends_at: datetime = rows[0]["expires_at"]
        return ends_at
