"""Opening what is stored: PostgreSQL with the right schema, and Redis, which may be away."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.errors import StartupError
from app.settings import Settings
from app.storage.announcements import Announcements
from app.storage.migrate import require_schema
from app.storage.postgres import Database
from app.storage.redis import Speed


@dataclass(frozen=True, slots=True)
class Stores:
    """Where things are kept, and how processes tell each other of it."""

    database: Database
    speed: Speed
    announcements: Announcements


async def open_stores(settings: Settings, channel: str, stack: AsyncExitStack) -> Stores:
    """The stores of the settings, closed with the stack; processes announce what they change on `channel`.

    Raises:
        StartupError: one is not named, PostgreSQL does not answer, or its schema is another one.
    """
    if settings.database_url is None:
        raise StartupError("FLUXGATE_DATABASE_URL: not set, and no embedded PostgreSQL was started")
    if settings.redis_url is None:
        raise StartupError("FLUXGATE_REDIS_URL: not set, and no embedded Redis was started")
    database = await Database.connect(
        settings.database_url.get_secret_value(),
        pool_size=settings.database_pool_size,
        timeout_seconds=settings.database_timeout_seconds,
        pooler=settings.database_pooler,
    )
    stack.push_async_callback(database.close)
    redis_url = settings.redis_url.get_secret_value()
    speed = Speed.connect(redis_url, timeout_seconds=settings.redis_timeout_seconds)
    stack.push_async_callback(speed.close)
    announcements = Announcements.connect(redis_url, channel)
    stack.push_async_callback(announcements.close)
    await require_schema(database)
    return Stores(database, speed, announcements)
