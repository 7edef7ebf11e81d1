"""Settings with the addresses of running stores, which is what every command begins with; and `migrate`."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from types import FrameType

import click
from pydantic import SecretStr

from app.admin.context import AdminContext
from app.callers.pepper import check_pepper, read_pepper
from app.operations.logging import configure_logging
from app.settings import Settings, load_settings
from app.storage.embedded import embedded_services, exclusive_gateway
from app.storage.migrate import migrate, require_schema
from app.storage.postgres import Database


@contextmanager
def ready_stores(*, redis: bool = True, exclusive: bool = False) -> Iterator[Settings]:
    """Settings whose URLs are set: the configured ones, or those of the embedded servers.

    With `exclusive` no other gateway may serve from the data directory that the embedded servers are in.

    Raises:
        StartupError: a setting is wrong, a server does not start, or another gateway is there.
    """
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    signal.signal(signal.SIGTERM, _stop)
    needs_postgres, needs_redis = settings.database_url is None, redis and settings.redis_url is None
    with ExitStack() as stack:
        if exclusive and (needs_postgres or needs_redis):
            stack.enter_context(exclusive_gateway(settings.data_dir))
        services = embedded_services(settings.data_dir, postgres=needs_postgres, redis=needs_redis)
        addresses = stack.enter_context(services)
        found: dict[str, SecretStr] = {}
        if addresses.database_url is not None:
            found["database_url"] = SecretStr(addresses.database_url)
        if addresses.redis_url is not None:
            found["redis_url"] = SecretStr(addresses.redis_url)
        yield settings.model_copy(update=found)


async def bring_up_to_date(settings: Settings) -> None:
    """Migrates the schema of the configured database."""
    assert settings.database_url is not None  # noqa: S101 # `ready_stores` has set it
    await migrate(settings.database_url.get_secret_value())


@asynccontextmanager
async def admin_context(settings: Settings) -> AsyncIterator[AdminContext]:
    """What the use cases of administration work with, on an up-to-date schema.

    Raises:
        StartupError: there is no schema, or another pepper made the keys that are stored.
        StorageUnavailable: PostgreSQL cannot be reached.
    """
    async with ready_database(settings, timeout_seconds=settings.database_timeout_seconds) as database:
        admin = AdminContext.on(database, read_pepper(settings))
        await check_pepper(admin.pepper, admin.callers)
        yield admin


@asynccontextmanager
async def ready_database(settings: Settings, *, timeout_seconds: float) -> AsyncIterator[Database]:
    """One connection to an up-to-date schema, for commands whose statements may take so long.

    Raises:
        StartupError: there is no schema.
        StorageUnavailable: PostgreSQL cannot be reached.
    """
    assert settings.database_url is not None  # noqa: S101 # `ready_stores` has set it
    if settings.migrate_on_start:
        await bring_up_to_date(settings)
    url = settings.database_url.get_secret_value()
    pooler = settings.database_pooler
    database = await Database.connect(url, pool_size=1, timeout_seconds=timeout_seconds, pooler=pooler)
    try:
        await require_schema(database)
        yield database
    finally:
        await database.close()


@click.command("migrate")
def migrate_command() -> None:
    """Bring the schema up to date; safe to run twice, and by several at once."""
    with ready_stores(redis=False) as settings:
        asyncio.run(bring_up_to_date(settings))


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # Leaves through every `finally`, so that embedded servers are stopped in order.
    raise SystemExit(0)
