"""The database for commands that read a lot of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.cli.stores import bring_up_to_date
from app.settings import Settings
from app.storage.migrate import require_schema
from app.storage.postgres import Database


@asynccontextmanager
async def report_database(settings: Settings, *, timeout_seconds: float) -> AsyncIterator[Database]:
    """An up-to-date schema, and more time for a statement than a request would be given.

    Raises:
        StartupError: there is no schema.
        StorageUnavailable: PostgreSQL cannot be reached.
    """
    assert settings.database_url is not None  # noqa: S101 # `ready_stores` has set it
    if settings.migrate_on_start:
        await bring_up_to_date(settings)
    url = settings.database_url.get_secret_value()
    database = await Database.connect(url, pool_size=1, timeout_seconds=timeout_seconds)
    try:
        await require_schema(database)
        yield database
    finally:
        await database.close()
