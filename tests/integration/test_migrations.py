"""The schema comes to be by its migrations only, whoever runs them and however often."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy.ext.asyncio import create_async_engine

from app.audit.roll_up import roll_up
from app.callers.key_material import digest_of, new_key
from app.jobs.states import JobState
from app.storage.migrate import alembic_config
from tests.support.accounts import NOTHING, Account
from tests.support.database import BLOCKED, END_BLOCKED, Database, fresh_database, under_way
from tests.support.gateway import serve
from tests.support.history import coarser_sums, coarser_sums_over, fill, make_team, with_app_database
from tests.support.processes import FLUXGATE, environment, run_fluxgate
from tests.support.simulator import Simulator
from tests.support.stores import PEPPER, Stores, settings_for
from tests.support.waiting import until


@pytest.fixture
def empty(stores: Stores) -> Iterator[Database]:
    """A database without any table."""
    with fresh_database(stores.database_url, template="template0") as database:
        yield database


def tables(database: Database) -> list[str]:
    rows = database.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [row["tablename"] for row in rows]


# SQLAlchemy passes the options of a check that was made without reading its table on by the wrong name.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
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
    assert rule.startswith(f"CHECK ((state = ANY ('{{{','.join(JobState)}}}'::text[])))")


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
    ended = [(process.communicate(timeout=180)[1], process.returncode) for process in processes]
    assert ended == [("", 0)] * 4
    assert "jobs" in tables(empty)


def test_a_migration_that_is_killed_half_way_leaves_nothing_half_done(
    empty: Database, tmp_path: Path
) -> None:
    """Hypothesis: the schema is the old one or the new one; the next migration finds it so and goes on."""
    migrate_to(empty, "0001")
    before = tables(empty)
    with under_way(empty, "LOCK TABLE jobs IN ACCESS SHARE MODE"):
        migrating = subprocess.Popen(
            [FLUXGATE, "migrate"], cwd=tmp_path, env=environment({"database_url": empty.url})
        )
        until(lambda: empty.rows(BLOCKED))
        migrating.kill()
        migrating.wait()
        empty.rows(END_BLOCKED)
    assert tables(empty) == before
    again = run_fluxgate(tmp_path, "migrate", settings={"database_url": empty.url})
    assert again.returncode == 0, again.stderr
    assert {"ledger", "allowances", "deliveries"} <= set(tables(empty))


def migrate_to(database: Database, revision: str) -> None:
    """The schema as an earlier release left it."""

    async def migrate() -> None:
        engine = create_async_engine(database.url)
        try:
            async with engine.begin() as connection:
                await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), revision))
        finally:
            await engine.dispose()

    asyncio.run(migrate())


def test_sums_that_an_earlier_release_made_are_in_the_coarser_ones(empty: Database, tmp_path: Path) -> None:
    """Also those that it makes while this one is there: it writes daily sums, and nothing else."""
    migrate_to(empty, "0012")
    team = make_team(empty)
    fill(empty, team, 3000, step=timedelta(minutes=41))
    with_app_database(empty, roll_up)
    assert run_fluxgate(tmp_path, "migrate", settings={"database_url": empty.url}).returncode == 0
    assert coarser_sums(empty) == coarser_sums_over(empty.rows("SELECT * FROM jobs"))
    fill(empty, team, 200, step=timedelta(hours=7))
    with_app_database(empty, roll_up)
    assert coarser_sums(empty) == coarser_sums_over(empty.rows("SELECT * FROM jobs"))
    # As its repair begins.
    empty.rows("DELETE FROM usage_daily WHERE end_user = 'ann'")
    others = empty.rows("SELECT * FROM jobs WHERE end_user IS DISTINCT FROM 'ann'")
    assert coarser_sums(empty) == coarser_sums_over(others)
    empty.rows("DELETE FROM usage_daily")
    assert coarser_sums(empty) == [{}, {}]


def test_code_that_is_older_than_the_schema_starts_and_changes_nothing(
    database: Database, tmp_path: Path
) -> None:
    """Whoever goes back, or starts an older process anew while newer ones take over."""
    database.rows("UPDATE alembic_version SET version_num = '9999'")
    settings = {"database_url": database.url, "key_pepper": PEPPER}
    for words in (("migrate",), ("keys", "list")):
        done = run_fluxgate(tmp_path, *words, settings=settings)
        assert (done.returncode, done.stderr) == (0, "")
    assert database.value("SELECT version_num FROM alembic_version") == "9999"


def test_a_migration_without_a_database_says_so_in_one_line(tmp_path: Path) -> None:
    settings = {"database_url": "postgresql://flux:hidden-password@127.0.0.1:1/flux"}
    done = run_fluxgate(tmp_path, "migrate", settings=settings)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "hidden-password" not in done.stderr


def test_teams_keys_and_open_jobs_of_the_first_release_live_on(
    empty: Database, stores: Stores, simulator: Simulator, tmp_path: Path
) -> None:
    migrate_to(empty, "0001")
    team_id, key_id, job_id, key = uuid4(), uuid4(), uuid4(), new_key()
    empty.rows("INSERT INTO teams (id, name) VALUES ($1, 'old')", team_id)
    empty.rows(
        "INSERT INTO api_keys (id, team_id, name, digest, hint) VALUES ($1, $2, 'old', $3, 'old!')",
        key_id,
        team_id,
        digest_of(key, PEPPER.encode()),
    )
    empty.rows(
        "INSERT INTO jobs (id, team_id, key_id, model, state, created_at)"
        " VALUES ($1, $2, $3, 'fal-ai/flux-1/dev', 'submitting', now())",
        job_id,
        team_id,
        key_id,
    )
    empty.rows(
        "INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)"
        " VALUES ('follow', $1, now(), 0, 1, true)",
        job_id,
    )
    settings = settings_for(stores, empty, simulator.address) | {"unknown_patience_seconds": "1"}
    with serve(tmp_path, empty, settings=settings) as gateway:
        empty.wait(str(job_id), "lost")
        caller = gateway.caller(key)
        new = caller.job("a new job of an old team", image_size={"width": 1000, "height": 1000})
        caller.wait(new)
        account = Account(empty, team_id, key_id)
        until(lambda: account.team()["in_flight"] == 0)
        assert account.team() == account.key() == NOTHING | {"spent_micros": 25_000, "images": 1}
        assert account.ledger(str(job_id)) == [("charge", None, None)]
        done = run_fluxgate(tmp_path, "ledger", "check", settings={"database_url": empty.url})
        assert done.returncode == 0, done.stdout
