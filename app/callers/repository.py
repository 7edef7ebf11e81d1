"""Every statement on teams, keys and the installation's own facts."""

import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from app.callers.caller import Caller, RateLimit
from app.callers.limits import AccessLimits
from app.callers.policy import Policy, Privacy
from app.storage.postgres import Executor, Row, Transaction

_CALLER = """
    SELECT k.id AS key_id, {number} AS secret_number, k.name AS key_name,
        t.id AS team_id, t.name AS team_name, t.privacy,
        t.rewrites_urls, extract(epoch FROM now())::float8 AS now_seconds,
        k.models AS key_models, t.models AS team_models,
        k.requests_per_minute AS key_rate, t.requests_per_minute AS team_rate
    FROM api_keys k JOIN teams t ON t.id = k.team_id
    WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
        AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
"""

# Each of the two digests has its own index; few keys have a previous one.
FIND_CALLER = f"""{_CALLER.format(number="k.secret_number - (k.digest <> $1)::int")}
    AND (k.digest = $1 OR (k.previous_digest = $1 AND k.previous_expires_at > now()))
"""

# The oldest that counts.
_OLDEST = "k.secret_number - COALESCE(k.previous_expires_at > now(), false)::int"

FIND_CALLER_OF_KEY = f"{_CALLER.format(number=_OLDEST)} AND k.id = $1"

# Held by whoever gives a team its name, so that of two who want the same one the second is told so.
LOCK_NAMES = "SELECT pg_advisory_xact_lock(4705131863)"

NAME_HOLDER = "SELECT id FROM teams WHERE name = $1"

ADD_TEAM = """
    INSERT INTO teams (id, name, requests_per_minute, models, expires_at,
        privacy, payload_days, job_days, image_days, keeps_images, rewrites_urls)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

LOCK_TEAM = "SELECT id FROM teams WHERE id = $1 FOR UPDATE"

CHANGE_TEAM = """
    UPDATE teams SET name = $2, requests_per_minute = $3, models = $4, expires_at = $5,
        privacy = $6, payload_days = $7, job_days = $8, image_days = $9, keeps_images = $10,
        rewrites_urls = $11
    WHERE id = $1
"""

REVOKE_TEAM = "UPDATE teams SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1"

ADD_KEY = """
    INSERT INTO api_keys (id, team_id, name, digest, hint, requests_per_minute, models, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO NOTHING RETURNING id
"""

LOCK_KEY = "SELECT id FROM api_keys WHERE id = $1 FOR UPDATE"

CHANGE_KEY = """
    UPDATE api_keys SET name = $2, requests_per_minute = $3, models = $4, expires_at = $5 WHERE id = $1
"""

# Without a grace nothing is left of the secret before. Of three that follow each other within a grace the
# first one is gone.
ROTATE_KEY = """
    UPDATE api_keys SET digest = $2, hint = $3, secret_number = secret_number + 1,
        previous_digest = CASE WHEN $4::float8 > 0 THEN digest END,
        previous_expires_at = CASE WHEN $4::float8 > 0 THEN now() + make_interval(secs => $4::float8) END
    WHERE id = $1
"""

REVOKE_KEY = "UPDATE api_keys SET revoked_at = COALESCE(revoked_at, now()) WHERE id = $1"

FACT = "SELECT value FROM installation WHERE name = $1"

# The first process to write a fact wins; all others read what it wrote.
REMEMBER = """
    WITH written AS (
        INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
        RETURNING value
    )
    SELECT value FROM written UNION ALL SELECT value FROM installation WHERE name = $1 LIMIT 1
"""


class CallerRepository:
    """Teams and keys as they are stored.

    `executor` is the database, or the transaction that several of these belong to.

    Attributes:
        ahead_seconds: how far the database's clock was ahead of this process's own when a caller was found
            last; what the database dated is to be judged by its clock.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self.ahead_seconds = 0.0

    def within(self, transaction: Transaction) -> "CallerRepository":
        """The same, as one part of a transaction."""
        return CallerRepository(transaction)

    async def find_by_digest(self, digest: bytes) -> Caller | None:
        """The caller whose living key has this digest, or had it before and is in its grace."""
        return self._found(await self._executor.execute(FIND_CALLER, digest))

    async def find_by_key_id(self, key_id: UUID) -> Caller | None:
        """The caller of the key with this id, while it lives."""
        return self._found(await self._executor.execute(FIND_CALLER_OF_KEY, key_id))

    def _found(self, rows: Sequence[Row]) -> Caller | None:
        if not rows:
            return None
        self.ahead_seconds = rows[0]["now_seconds"] - time.time()
        return _caller(rows[0])

    async def lock_names(self) -> None:
        """Lets nobody else give a team its name until the commit; comes before every other lock."""
        await self._executor.execute(LOCK_NAMES)

    async def name_holder(self, name: str) -> UUID | None:
        """The team that has this name."""
        rows = await self._executor.execute(NAME_HOLDER, name)
        return rows[0]["id"] if rows else None

    async def add_team(self, team_id: UUID, name: str, limits: AccessLimits, policy: Policy) -> None:
        """Adds a team; `lock_names` and `name_holder` have said that the name is free."""
        await self._executor.execute(ADD_TEAM, team_id, name, *_columns(limits), *_kept(policy))

    async def lock_team(self, team_id: UUID) -> bool:
        """Keeps a team as it is until the commit; False when there is none."""
        return bool(await self._executor.execute(LOCK_TEAM, team_id))

    async def change_team(self, team_id: UUID, name: str, limits: AccessLimits, policy: Policy) -> None:
        """Gives a team this name, these limits and this policy."""
        await self._executor.execute(CHANGE_TEAM, team_id, name, *_columns(limits), *_kept(policy))

    async def revoke_team(self, team_id: UUID) -> None:
        """Lets nobody of a team in any more; the first time counts."""
        await self._executor.execute(REVOKE_TEAM, team_id)

    async def add_key(
        self, *, key_id: UUID, team_id: UUID, name: str, digest: bytes, hint: str, limits: AccessLimits
    ) -> bool:
        """Adds a key to a team; False when there is one of this id."""
        values = (key_id, team_id, name, digest, hint, *_columns(limits))
        return bool(await self._executor.execute(ADD_KEY, *values))

    async def lock_key(self, key_id: UUID) -> bool:
        """Keeps a key as it is until the commit; False when there is none."""
        return bool(await self._executor.execute(LOCK_KEY, key_id))

    async def change_key(self, key_id: UUID, name: str, limits: AccessLimits) -> None:
        """Gives a key this name and these limits."""
        await self._executor.execute(CHANGE_KEY, key_id, name, *_columns(limits))

    async def rotate_key(self, key_id: UUID, digest: bytes, hint: str, *, grace_seconds: int) -> None:
        """Gives a key another secret; the one before counts until the grace is over."""
        await self._executor.execute(ROTATE_KEY, key_id, digest, hint, float(grace_seconds))

    async def revoke_key(self, key_id: UUID) -> None:
        """Lets nobody with this key in any more; the first time counts."""
        await self._executor.execute(REVOKE_KEY, key_id)

    async def fact(self, name: str) -> str | None:
        """What is known about this installation under that name."""
        rows = await self._executor.execute(FACT, name)
        return rows[0]["value"] if rows else None

    async def remember(self, name: str, value: str) -> str:
        """Stores a fact of this installation unless it is known; returns what is known now."""
        rows = await self._executor.execute(REMEMBER, name, value)
        return str(rows[0]["value"])


def _columns(limits: AccessLimits) -> tuple[int | None, list[str] | None, datetime | None]:
    return limits.requests_per_minute, limits.models, limits.expires_at


def _kept(policy: Policy) -> tuple[str | int | bool | None, ...]:
    days = (policy.payload_days, policy.job_days, policy.image_days)
    return policy.privacy, *days, policy.keeps_images, policy.rewrites_urls


def _caller(row: Row) -> Caller:
    rates = (("key", row["key_id"], row["key_rate"]), ("team", row["team_id"], row["team_rate"]))
    return Caller(
        key_id=row["key_id"],
        key_name=row["key_name"],
        secret_number=row["secret_number"],
        team_id=row["team_id"],
        team_name=row["team_name"],
        models=tuple(tuple(globs) for globs in (row["team_models"], row["key_models"]) if globs is not None),
        rates=tuple(RateLimit(*rate) for rate in rates if rate[2] is not None),
        privacy=Privacy(row["privacy"]),
        rewrites_urls=row["rewrites_urls"],
    )
