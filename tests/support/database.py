"""One PostgreSQL for all tests, and a database for each of them, copied from one that was migrated once."""

import asyncio
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import make_url

from tests.support.processes import run_fluxgate
from tests.support.waiting import PATIENCE_SECONDS, until

TEMPLATE = "fluxgate_template"
# Who waits for a lock that somebody else holds, and the end of all of them, as when their machine is gone.
BLOCKED = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
END_BLOCKED = f"SELECT pg_terminate_backend(pid) FROM ({BLOCKED}) AS blocked"


class Database:
    """What a test asks PostgreSQL itself."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Runs one statement on a connection of its own."""

        async def ask() -> list[dict[str, Any]]:
            dsn = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
            connection = await asyncpg.connect(dsn)
            try:
                return [dict(row) for row in await connection.fetch(statement, *values)]
            finally:
                await connection.close()

        return asyncio.run(ask())

    def value(self, statement: str, *values: object) -> Any:
        """The first value of the first row."""
        return next(iter(self.rows(statement, *values)[0].values()))

    def job(self, job_id: str) -> dict[str, Any]:
        """The row of one job."""
        [row] = self.rows("SELECT * FROM jobs WHERE id = $1", UUID(job_id))
        return row

    def state(self, job_id: str) -> str:
        """Where one job stands."""
        return str(self.job(job_id)["state"])

    def wait(self, job_id: str, state: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Waits until a job stands there, without asking the gateway."""
        until(lambda: self.state(job_id) == state, seconds)

    def history(self, job_id: str) -> list[str]:
        """Every state that one job has been in."""
        statement = "SELECT to_state FROM job_events WHERE job_id = $1 ORDER BY id"
        return [row["to_state"] for row in self.rows(statement, UUID(job_id))]

    def count_jobs(self) -> int:
        """How many jobs were ever recorded."""
        return int(self.value("SELECT count(*) FROM jobs"))


@contextmanager
def under_way(database: Database, statement: str, *values: object) -> Iterator[Callable[[str], object]]:
    """A statement that has been run and is committed at the end of the block; its locks are held within.

    Yields what runs another one in the same transaction.
    """
    dsn = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(dsn))
        try:
            transaction = connection.transaction()
            runner.run(transaction.start())
            runner.run(connection.execute(statement, *values))
            yield lambda further: runner.run(connection.execute(further))
            runner.run(transaction.commit())
        finally:
            # A test that fails within must not leave its locks to the next one.
            runner.run(connection.close())


def beside(url: str, name: str) -> str:
    """The address of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def make_template(url: str, lock_path: Path) -> None:
    """Makes the migrated database that all others are copied from, once for all test workers."""
    with lock_path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = Database(url)
        if not server.rows("SELECT 1 FROM pg_database WHERE datname = $1", TEMPLATE):
            draft = f"{TEMPLATE}_draft"
            server.rows(f"DROP DATABASE IF EXISTS {draft}")
            server.rows(f"CREATE DATABASE {draft}")
            settings = {"database_url": beside(url, draft)}
            done = run_fluxgate(lock_path.parent, "migrate", settings=settings)
            assert done.returncode == 0, done.stderr
            server.rows(f"ALTER DATABASE {draft} RENAME TO {TEMPLATE}")


@contextmanager
def fresh_database(url: str, template: str = TEMPLATE) -> Iterator[Database]:
    """A database that nobody else sees, dropped at the end of the block."""
    name = f"test_{uuid4().hex}"
    server = Database(url)
    server.rows(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield Database(beside(url, name))
    finally:
        until(lambda: is_dropped(server, name))


def is_dropped(server: Database, name: str) -> bool:
    """Drops a database and its connections; not while autovacuum is in it, which only a superuser may end."""
    try:
        server.rows(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    except asyncpg.InsufficientPrivilegeError:
        return False
    return True
