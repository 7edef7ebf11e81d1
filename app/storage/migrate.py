"""Brings the schema up to date; safe to run twice, and by several processes at once."""

from pathlib import Path
from uuid import uuid4

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from app.errors import StartupError
from app.storage.postgres import Database, driver_url

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"

# An arbitrary number that only Fluxgate's migrations lock.
LOCK_NUMBER = 4_705_131_862


async def migrate(database_url: str) -> None:
    """Runs all missing migrations in one transaction; other processes wait until it has ended.

    Raises:
        StartupError: PostgreSQL cannot be reached, or refuses a migration.
    """
    engine = create_async_engine(driver_url(database_url), connect_args=_nothing_prepared())
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": LOCK_NUMBER})
            await connection.run_sync(_upgrade)
    except DBAPIError as error:
        raise StartupError(f"the schema cannot be brought up to date: {error.orig}") from error
    except (TimeoutError, OSError) as error:
        raise StartupError(f"FLUXGATE_DATABASE_URL: PostgreSQL cannot be reached: {error}") from error
    finally:
        await engine.dispose()


async def require_schema(database: Database) -> None:
    """Makes sure that the schema is at least as new as this code; a newer one is made to work with it.

    Raises:
        StartupError: there is none yet, or it is older.
        StorageUnavailable: PostgreSQL cannot be reached.
    """
    found = await database.execute("SELECT to_regclass('alembic_version') IS NOT NULL AS is_there")
    if found[0]["is_there"]:
        rows = await database.execute("SELECT version_num FROM alembic_version")
        versions = {str(row["version_num"]) for row in rows}
        head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
        if versions and (versions - _known_revisions() or head in versions):
            return
    raise StartupError("the schema is missing or old; run `fluxgate migrate` first")


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for an open connection; `migrations/env.py` takes it from there."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _nothing_prepared() -> dict[str, object]:
    """Each statement runs once, and behind a pooler the next one may meet another session.

    SQLAlchemy prepares all the same, so each name is used once.
    """
    return {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: f"__fluxgate_{uuid4().hex}__",
    }


def _upgrade(connection: Connection) -> None:
    """A newer schema stays as it is: older processes are started anew beside newer ones."""
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found <= _known_revisions():
        command.upgrade(alembic_config(connection), "head")


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
