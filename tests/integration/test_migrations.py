"""The schema comes to be by its migrations only, whoever runs them and however often."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine

from app.jobs.states import JobState
from app.storage.migrate import alembic_config
from tests.support.database import Database, fresh_database
from tests.support.processes import FLUXGATE, environment, run_fluxgate
from tests.support.stores import Stores


@pytest.fixture
def empty(stores: Stores) -> Iterator[Database]:
    """A database without any table."""
    with fresh_database(stores.database_url, template="template0") as database:
        yield database


def tables(database: Database) -> list[str]:
    rows = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row["tablename"] for row in rows]


def test_the_tables_are_those_that_the_code_describes(database: Database) -> None:
    async def check() -> None:
        engine = create_async_engine(database.url)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(lambda sync: command.check(alembic_config(sync)))
        finally:
            await engine.dispose()

    asyncio.run(check())


def test_the_database_knows_the_same_states_as_the_code(database: Database) -> None:
    rule = database.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'ck_jobs_state'"
    )
    assert {word for word in rule.split("'") if word in set(JobState)} == set(JobState)
    assert rule.count("'") == 2 * len(JobState)


def test_a_second_migration_changes_nothing(empty: Database, tmp_path: Path) -> None:
    settings = {"database_url": empty.url}
    assert run_fluxgate(tmp_path, "migrate", settings=settings).returncode == 0
    before = tables(empty)
    again = run_fluxgate(tmp_path, "migrate", settings=settings)
    assert (again.returncode, again.stdout) == (0, "")
    assert tables(empty) == before
    assert {"alembic_version", "jobs", "work", "job_events"} <= set(before)


def test_several_migrations_at_once_all_succeed(empty: Database, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [FLUXGATE, "migrate"],
            cwd=tmp_path,
            env=environment({"database_url": empty.url}),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 4
    assert "jobs" in tables(empty)


def test_a_migration_without_a_database_says_so_in_one_line(tmp_path: Path) -> None:
    settings = {"database_url": "postgresql://flux:hidden-password@127.0.0.1:1/flux"}
    done = run_fluxgate(tmp_path, "migrate", settings=settings)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "hidden-password" not in done.stderr
