"""Every statement on browser tokens. Of a token nothing is stored but what it may still spend."""

from datetime import datetime
from uuid import UUID

from app.storage.postgres import Database

# Jobs of a token may be settled after its end; its row is of no use to anybody two days later.
KEEP_DAYS = 2

# The database's clock, like all times that several processes have to agree on. The token carries
# milliseconds, so it ends exactly then.
ADD_ALLOWANCE = """
    WITH ending AS (
        SELECT date_trunc('milliseconds', now()) + make_interval(secs => $4::float8) AS expires_at
    ), added AS (
        INSERT INTO allowances (scope_id, scope, budget_micros, budget_period, max_images, purge_after)
        SELECT $1::uuid, 'token', $2::bigint, 'total', $3::integer,
            expires_at + make_interval(days => $5::integer)
        FROM ending
    )
    SELECT expires_at FROM ending
"""


class TokenRepository:
    """What is stored for browser tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_allowance(
        self, token_id: UUID, *, budget_micros: int | None, max_images: int | None, ttl_seconds: int
    ) -> datetime:
        """Opens the account that a new token's jobs are counted on; returns when the token ends."""
        rows = await self._database.execute(
            ADD_ALLOWANCE, token_id, budget_micros, max_images, float(ttl_seconds), KEEP_DAYS
        )
        expires_at = rows[0]["expires_at"]
        assert isinstance(expires_at, datetime)  # noqa: S101 # the driver's rows are untyped
        return expires_at
