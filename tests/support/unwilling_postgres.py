"""A PostgreSQL that answers and yet is of no use: others hold what is wanted, or it was told to be so."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import asyncpg
import pytest
from sqlalchemy import make_url

from tests.support.canary import SUPERUSER
from tests.support.database import Database, under_way

END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL($1::int[])
"""
CONNECTIONS = """
    SELECT current_setting('max_connections')::int - current_setting('reserved_connections')::int
        - current_setting('superuser_reserved_connections')::int
"""
# Whoever has recorded a submit, and waits at the end of its commit.
COMMITTING = """
    SELECT FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid
    WHERE wait_event = 'SyncRep' AND relation = 'job_inputs'::regclass AND mode = 'RowExclusiveLock'
"""


def as_superuser(database: Database) -> Database:
    """The same database, for what its owner may not."""
    url = make_url(database.url).set(username=SUPERUSER)
    return Database(url.render_as_string(hide_password=False))


@contextmanager
def recording_held(database: Database) -> Iterator[None]:
    """A submit that is recorded waits for a lock, whose holder has to be killed within the block."""
    with (
        pytest.raises(asyncpg.ConnectionDoesNotExistError),
        under_way(database, "LOCK TABLE job_inputs IN SHARE MODE"),
    ):
        yield


@contextmanager
def commits_held(database: Database) -> Iterator[None]:
    """What is committed is on disk and nobody is told so: it waits for a standby, and there is none."""
    owner = as_superuser(database)
    owner.rows("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    owner.rows("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        owner.rows("ALTER SYSTEM RESET synchronous_standby_names")
        owner.rows("SELECT pg_reload_conf()")


@contextmanager
def changed(database: Database, setting: str, name: str) -> Iterator[None]:
    """What holds for every new connection, and all of them are new."""
    label = make_url(database.url).database
    database.rows(f"ALTER DATABASE {label} SET {setting}")
    database.rows(END_OTHERS, [])
    try:
        yield
    finally:
        with under_way(database, "SET TRANSACTION READ WRITE") as run:
            run(f"ALTER DATABASE {label} RESET {name}")
        database.rows(END_OTHERS, [])


@contextmanager
def no_connection_left(database: Database) -> Iterator[Callable[[], None]]:
    """Somebody else has all connections that the server gives, those of the gateway too."""
    dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    number = database.value(CONNECTIONS)
    taken: list[asyncpg.Connection] = []

    async def take() -> None:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(dsn))

    async def take_all() -> None:
        # The gateway comes again for those that it lost, and is sometimes quicker. One that is ended has its
        # place for a moment longer than it can be seen: all are taken when so many are counted, not before.
        while len(taken) < number:
            await take()
            await taken[0].fetch(END_OTHERS, [connection.get_server_pid() for connection in taken])

    async def let_go() -> None:
        while taken:
            await taken.pop().close()

    with asyncio.Runner() as runner:
        try:
            runner.run(take_all())
            yield lambda: runner.run(let_go())
        finally:
            runner.run(let_go())
