"""PostgreSQL: a pool of connections, one statement at a time, and transactions; the only commit in the code.

Statements go to the driver as they are. SQLAlchemy describes the tables and the migrations are Alembic's, but
its execution costs three times the driver's, on a path where every job passes four times.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Protocol

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.engine import URL

from app.errors import StorageUnavailable
from app.storage.broken_off import is_broken_off
from app.storage.plans import Growth, PlanningConnection
from app.storage.pool import ConnectionPool

Row = Mapping[str, Any]

Pooler = Literal["none", "transaction"]

RETRY_AFTER_SECONDS = 2

# PostgreSQL's error classes for "not now": connection, resources, operator intervention, system, read-only,
# what it rolled back for the sake of others (a deadlock), and a login or a database that is not there just
# now: a password is changed, or a backup is read back in.
UNAVAILABLE_SQLSTATE_CLASSES = frozenset({"08", "53", "57", "58", "25", "40", "28", "3D"})


class TookTooLongError(Exception):
    """A question was given up because it took longer than whoever asked wanted to wait."""


class Database:
    """A pool of connections to PostgreSQL.

    A statement given to `execute` is its own transaction: most writes here are one statement with several
    data-modifying parts, which costs one round trip where BEGIN and COMMIT would make it three.
    """

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    @classmethod
    async def connect(
        cls, url: str, *, pool_size: int, timeout_seconds: float, pooler: Pooler = "none"
    ) -> "Database":
        """Prepares a pool; the first connection is made when the first statement comes.

        Behind a `pooler` in transaction mode each statement may meet another session of PostgreSQL, so
        nothing is left behind in one: no prepared statement, no plan and no SET.
        """
        address = driver_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        deadlines = {"timeout": timeout_seconds, "command_timeout": timeout_seconds}

        growth = Growth()

        async def connect_own() -> asyncpg.Connection:
            connection = await asyncpg.connect(address, connection_class=PlanningConnection, **deadlines)
            await connection.keep_plans(growth)
            return connection

        async def connect_shared() -> asyncpg.Connection:
            return await asyncpg.connect(address, statement_cache_size=0, **deadlines)

        connect = connect_own if pooler == "none" else connect_shared
        return cls(ConnectionPool(connect, size=pool_size, timeout_seconds=timeout_seconds))

    async def execute(self, statement: str, *values: object) -> Sequence[Row]:
        """Runs one statement as its own transaction and returns its rows; the values are `$1`, `$2`, ….

        Raises:
            StorageUnavailable: PostgreSQL cannot be reached, is stopping, or has no room.
        """
        with translated():
            async with self._pool.lend() as connection:
                rows: Sequence[Row] = await connection.fetch(statement, *values)
                return rows

    async def search(self, seconds: float, statement: str, *values: object) -> Sequence[Row]:
        """The same for a question whose length depends on who asks; the server stops after so many seconds.

        Raises:
            TookTooLongError: it was not answered by then.
            StorageUnavailable: as for `execute`.
        """
        with translated():
            async with self._pool.lend() as connection:
                try:
                    rows: Sequence[Row] = await connection.fetch(statement, *values, timeout=seconds)
                except TimeoutError as error:
                    raise TookTooLongError from error
                return rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Several statements that become visible together; nothing else may be awaited inside.

        Raises:
            StorageUnavailable: as for `execute`.
        """
        with translated():
            # Not the driver's own transaction: one whose BEGIN was broken off counts as open for good there.
            async with self._pool.lend() as connection:
                await connection.execute("BEGIN")
                yield Transaction(connection)
                await connection.execute("COMMIT")

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()


class Transaction:
    """Statements that become visible together, when the block of `Database.transaction` ends."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def execute(self, statement: str, *values: object) -> Sequence[Row]:
        """Runs one statement within the transaction; see `Database.execute`."""
        rows: Sequence[Row] = await self._connection.fetch(statement, *values)
        return rows


class Executor(Protocol):
    """What a statement can be given to: the database, or a transaction that is open on it."""

    async def execute(self, statement: str, *values: object) -> Sequence[Row]:
        """Runs one statement and returns its rows."""


def driver_url(url: str) -> URL:
    """The URL as SQLAlchemy wants it: `postgres://` and `postgresql://` become `postgresql+asyncpg://`."""
    return make_url(url).set(drivername="postgresql+asyncpg")


class translated:  # noqa: N801 # it reads as a function; as a generator it would cost each statement more
    """Turns the driver's words for "not now" into ours; a wrong statement stays what it is: a fault.

    Raises:
        StorageUnavailable: in place of those.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is not None and _is_not_now(error):
            raise _unavailable() from error


def _is_not_now(error: BaseException) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate[:2] in UNAVAILABLE_SQLSTATE_CLASSES
    # A wrong argument is an InterfaceError too, and a ValueError beside it.
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)
    if isinstance(error, RuntimeError):
        return is_broken_off(error)
    # The last is what the driver says when a server turns a connection away while it is being opened.
    return isinstance(error, TimeoutError | OSError | asyncpg.InternalClientError)


def _unavailable() -> StorageUnavailable:
    return StorageUnavailable(
        "The job store cannot be reached right now; nothing was sent. Try again.",
        retry_after_seconds=RETRY_AFTER_SECONDS,
    )
