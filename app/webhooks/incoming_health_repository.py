"""The statements on whether the upstream's webhooks arrive, as facts of the installation."""

from app.storage.postgres import Database

HEARD = "upstream_webhook_heard_at"
MISSED = "upstream_webhook_missed_at"

NOTE = """
    INSERT INTO installation (name, value) VALUES ($1, now()::text)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""

AGES = """
    SELECT name, extract(epoch FROM now() - value::timestamptz)::float8 AS seconds
    FROM installation WHERE name = ANY($1::text[])
"""


class IncomingHealthRepository:
    """What the processes tell each other about webhooks, by the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(self, name: str) -> None:
        """It has just happened."""
        await self._database.execute(NOTE, name)

    async def ages(self) -> dict[str, float]:
        """How many seconds ago each happened last, where it has."""
        rows = await self._database.execute(AGES, [HEARD, MISSED])
        return {str(row["name"]): float(row["seconds"]) for row in rows}
