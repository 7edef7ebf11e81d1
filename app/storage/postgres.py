"""PostgreSQL: the engine, one statement at a time, and transactions; the only commit in the code."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Executable, make_url
from sqlalchemy.engine import URL, RowMapping
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.errors import StorageUnavailable

RETRY_AFTER_SECONDS = 2

# PostgreSQL's error classes for "not now": connection, resources, operator intervention, system, read-only.
UNAVAILABLE_SQLSTATE_CLASSES = frozenset({"08", "53", "57", "58", "25"})


class Database:
    """A pool of connections to PostgreSQL.

    A statement given to `execute` is its own transaction: most writes here are one statement with several
    data-modifying parts, which costs one round trip where BEGIN and COMMIT would make it three.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @classmethod
    def connect(cls, url: str, *, pool_size: int, timeout_seconds: float) -> "Database":
        """Prepares a pool; the first connection is made when the first statement comes."""
        engine = create_async_engine(
            driver_url(url),
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=timeout_seconds,
            connect_args={"timeout": timeout_seconds, "command_timeout": timeout_seconds},
        )
        return cls(engine)

    async def execute(
        self, statement: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[RowMapping]:
        """Runs one statement as its own transaction and returns its rows.

        Raises:
            StorageUnavailable: PostgreSQL cannot be reached, is stopping, or has no room.
        """
        with translated():
            async with self._engine.connect() as connection:
                result = await connection.execute(statement, values)
                return result.mappings().all() if result.returns_rows else ()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Several statements that become visible together; nothing else may be awaited inside.

        Raises:
            StorageUnavailable: as for `execute`.
        """
        with translated():
            async with self._engine.connect() as connection:
                await connection.execution_options(isolation_level="READ COMMITTED")
                async with connection.begin():
                    yield connection

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()


def driver_url(url: str) -> URL:
    """The URL as SQLAlchemy wants it: `postgres://` and `postgresql://` become `postgresql+asyncpg://`."""
    return make_url(url).set(drivername="postgresql+asyncpg")


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's words for "not now" into ours; a wrong statement stays what it is: a fault."""
    try:
        yield
    except DBAPIError as error:
        if not _is_unavailable(error):
            raise
        raise _unavailable() from error
    except (PoolTimeoutError, TimeoutError, OSError) as error:
        raise _unavailable() from error


def _is_unavailable(error: DBAPIError) -> bool:
    if error.connection_invalidated or isinstance(error, InterfaceError):
        return True
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    return sqlstate[:2] in UNAVAILABLE_SQLSTATE_CLASSES


def _unavailable() -> StorageUnavailable:
    return StorageUnavailable(
        "The job store cannot be reached right now; nothing was sent. Try again.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
