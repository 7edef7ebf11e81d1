"""Every statement on teams, keys and the installation's own facts."""

from datetime import datetime
from uuid import UUID

from app.callers.caller import Caller, RateLimit
from app.storage.postgres import Database, Row

FIND_CALLER = """
    SELECT k.id AS key_id, k.name AS key_name, t.id AS team_id, t.name AS team_name,
        k.models AS key_models, t.models AS team_models,
        k.requests_per_minute AS key_rate, t.requests_per_minute AS team_rate
    FROM api_keys k JOIN teams t ON t.id = k.team_id
    WHERE k.digest = $1
        AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
        AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
"""

ADD_TEAM = """
    INSERT INTO teams (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
    RETURNING id, name, created_at
"""

ADD_KEY = """
    INSERT INTO api_keys (id, team_id, name, digest, hint, expires_at)
    SELECT $1::uuid, t.id, $2::text, $3::bytea, $4::text, now() + make_interval(secs => $5::float8)
    FROM teams t WHERE t.name = $6
    RETURNING id, name, hint, created_at, expires_at
"""

LIST_KEYS = """
    SELECT k.id, t.name AS team, k.name, k.hint, k.created_at, k.expires_at, k.revoked_at
    FROM api_keys k JOIN teams t ON t.id = k.team_id ORDER BY k.created_at, k.id
"""

REVOKE_KEY = """
    UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1
    RETURNING id, name, revoked_at
"""

# The first process to write a fact wins; all others read what it wrote.
REMEMBER = """
    WITH written AS (
        INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
        RETURNING value
    )
    SELECT value FROM written UNION ALL SELECT value FROM installation WHERE name = $1 LIMIT 1
"""


class CallerRepository:
    """Teams and keys as they are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_by_digest(self, digest: bytes) -> Caller | None:
        """The caller whose living key has this digest."""
        rows = await self._database.execute(FIND_CALLER, digest)
        return _caller(rows[0]) if rows else None

    async def add_team(self, team_id: UUID, name: str) -> Row | None:
        """Adds a team; None when the name is taken."""
        rows = await self._database.execute(ADD_TEAM, team_id, name)
        return rows[0] if rows else None

    async def add_key(
        self, *, key_id: UUID, team: str, name: str, digest: bytes, hint: str, lifetime_seconds: float | None
    ) -> Row | None:
        """Adds a key to the team of this name; None when there is no such team."""
        rows = await self._database.execute(ADD_KEY, key_id, name, digest, hint, lifetime_seconds, team)
        return rows[0] if rows else None

    async def list_keys(self) -> list[Row]:
        """All keys, oldest first, revoked and expired ones included."""
        return list(await self._database.execute(LIST_KEYS))

    async def revoke_key(self, key_id: UUID) -> datetime | None:
        """Revokes a key and says since when it is revoked; None when there is no such key."""
        rows = await self._database.execute(REVOKE_KEY, key_id)
        return rows[0]["revoked_at"] if rows else None

    async def remember(self, name: str, value: str) -> str:
        """Stores a fact of this installation unless it is known; returns what is known now."""
        rows = await self._database.execute(REMEMBER, name, value)
        return str(rows[0]["value"])


def _caller(row: Row) -> Caller:
    rates = (("key", row["key_id"], row["key_rate"]), ("team", row["team_id"], row["team_rate"]))
    return Caller(
        key_id=row["key_id"],
        key_name=row["key_name"],
        team_id=row["team_id"],
        team_name=row["team_name"],
        models=tuple(tuple(globs) for globs in (row["team_models"], row["key_models"]) if globs is not None),
        rates=tuple(RateLimit(*rate) for rate in rates if rate[2] is not None),
    )
