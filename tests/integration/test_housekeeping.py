"""The loop beside the worker: sums stay fresh, what is past its time goes, and an outage is survived."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from structlog.testing import capture_logs

from app.audit.roll_up import ENTRIES_AT_ONCE
from app.storage.postgres import Database as AppDatabase
from app.work.housekeeping import Housekeeping
from app.work.housekeeping_statements import FILES_AT_ONCE, ROWS_AT_ONCE
from tests.conftest import StartGateway
from tests.support.database import Database
from tests.support.history import (
    ROUND,
    dimensions_of,
    fill,
    jobs_of,
    make_team,
    stored_sums,
    sums_over,
    with_app_database,
)
from tests.support.processes import run_fluxgate
from tests.support.retention import retention_on
from tests.support.stores import OwnServers
from tests.support.waiting import PATIENCE_SECONDS, until

DAY = timedelta(hours=24)
KEYS = """
    INSERT INTO idempotency_keys (team_id, key_digest, request_digest, job_id, created_at)
    SELECT $1, sha256(n::text::bytea), 'x', gen_random_uuid(), now() - $3::interval
    FROM generate_series(1, $2::int) n
"""
ANSWERS = """
    INSERT INTO cached_answers (team_id, request_digest, job_id, created_at)
    SELECT $1, sha256(n::text::bytea), gen_random_uuid(), now() - $3::interval
    FROM generate_series(1, $2::int) n
"""
FILES = """
    WITH added AS (
        INSERT INTO uploads (id, team_id, key_id, token_id, content_type, file_name, size_bytes, sha256, body,
            created_at, expires_at)
        SELECT gen_random_uuid(), $1, gen_random_uuid(), $4, 'image/png', 'a.png', 100, 'x', 'x',
            now(), now() + $3::interval
        FROM generate_series(1, $2::int) RETURNING id, size_bytes
    ), named AS (
        INSERT INTO job_uploads (job_id, place, upload_id, address)
        SELECT gen_random_uuid(), 1, id, 'an address' FROM added
    )
    INSERT INTO upload_usage (scope_id, stored_bytes)
    SELECT scope_id, sum(size_bytes)
    FROM added CROSS JOIN (SELECT $1::uuid UNION SELECT $4::uuid) AS scopes (scope_id)
    WHERE scope_id IS NOT NULL GROUP BY scope_id
    ON CONFLICT (scope_id) DO UPDATE SET stored_bytes = upload_usage.stored_bytes + excluded.stored_bytes
"""
SESSION = """
    INSERT INTO sessions (digest, admin_digest, created_at, expires_at)
    SELECT sha256(n::text::bytea), 'x', now(), now() + $2::interval
    FROM generate_series($1::int, $1 + 2) n
"""
TOKEN = """
    INSERT INTO allowances (scope_id, scope, in_flight, purge_after)
    VALUES (gen_random_uuid(), 'token', $1, now() + $2::interval)
"""


@asynccontextmanager
async def kept(app: AppDatabase, *, round_seconds: float = 60.0) -> AsyncIterator[None]:
    """The loop runs beside the block."""
    housekeeping = Housekeeping(app, retention_on(app), round_seconds=round_seconds)
    async with asyncio.TaskGroup() as group:
        group.create_task(housekeeping.run())
        try:
            yield
        finally:
            housekeeping.stop()


async def when(condition: Callable[[], Awaitable[bool]]) -> None:
    """Lets the loop run until the condition holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 # it happens in PostgreSQL
            await asyncio.sleep(0.02)


async def when_left(app: AppDatabase, table: str, rows: int) -> None:
    """Lets the loop run until a table has no more than so many rows."""

    async def is_so() -> bool:
        [found] = await app.execute(f"SELECT count(*) AS number FROM {table}")
        return bool(found["number"] <= rows)

    await when(is_so)


def count(database: Database, table: str) -> int:
    return int(database.value(f"SELECT count(*) FROM {table}"))


def test_what_is_past_its_time_goes_and_the_rest_stays(database: Database) -> None:
    for statement in (KEYS, ANSWERS):
        database.rows(statement, uuid4(), 5, DAY + timedelta(minutes=1))
        database.rows(statement, uuid4(), 3, DAY - timedelta(minutes=1))
    for in_flight, ends_in in ((0, -1), (1, -1), (0, 1), (1, 1)):
        database.rows(TOKEN, in_flight, timedelta(minutes=ends_in))
    database.rows(SESSION, 1, timedelta(minutes=-1))
    database.rows(SESSION, 11, timedelta(minutes=1))
    make_team(database)

    async def run(app: AppDatabase) -> None:
        async with kept(app):
            await when_left(app, "allowances", 6)
            await when_left(app, "sessions", 3)

    with_app_database(database, run)
    assert (count(database, "idempotency_keys"), count(database, "cached_answers")) == (3, 3)
    assert database.value("SELECT min(expires_at) > now() FROM sessions")
    tokens = database.rows(
        "SELECT in_flight, purge_after > now() AS lives FROM allowances WHERE scope = 'token'"
    )
    assert sorted((row["in_flight"], row["lives"]) for row in tokens) == [(0, True), (1, False), (1, True)]


def test_much_goes_in_steps_and_past_what_others_work_on(database: Database) -> None:
    database.rows(KEYS, uuid4(), 2 * ROWS_AT_ONCE + 10, 2 * DAY)

    async def run(app: AppDatabase) -> None:
        async with app.transaction() as other:
            await other.execute("SELECT 1 FROM idempotency_keys ORDER BY key_digest LIMIT 7 FOR UPDATE")
            async with kept(app):
                await when_left(app, "idempotency_keys", 7)

    with_app_database(database, run)
    assert count(database, "idempotency_keys") == 7


def test_files_past_their_time_go_and_make_room(database: Database) -> None:
    teams, tokens = [uuid4() for _ in range(3)], [uuid4() for _ in range(2)]
    for team_id, token_id in ((teams[0], None), (teams[1], tokens[0]), (teams[1], tokens[1])):
        database.rows(FILES, team_id, 2 * FILES_AT_ONCE + 3, timedelta(minutes=-1), token_id)
    for team_id, token_id in ((teams[1], tokens[1]), (teams[2], None)):
        database.rows(FILES, team_id, 4, timedelta(minutes=1), token_id)

    async def run(app: AppDatabase) -> None:
        async with kept(app), kept(app):
            await when_left(app, "upload_usage", 3)

    with_app_database(database, run)
    usage = database.rows("SELECT scope_id, stored_bytes FROM upload_usage")
    assert {row["scope_id"]: row["stored_bytes"] for row in usage} == dict.fromkeys(
        (*teams[1:], tokens[1]), 400
    )
    assert (count(database, "uploads"), count(database, "job_uploads")) == (8, 8)


def test_it_stops_at_once_however_much_there_is_to_do(database: Database) -> None:
    fill(database, make_team(database), 3 * ENTRIES_AT_ONCE)

    async def run(app: AppDatabase) -> None:
        async with kept(app):
            await asyncio.sleep(0)

    with_app_database(database, run)
    assert 0 < sum(line["jobs"] for line in stored_sums(database).values()) < 2 * ENTRIES_AT_ONCE


def test_an_outage_is_told_once_and_survived(tmp_path: Path) -> None:
    servers = OwnServers(tmp_path, postgres=True, redis=False)
    assert run_fluxgate(tmp_path, "migrate", settings={"database_url": servers.database_url}).returncode == 0

    async def hear(change: Callable[[], None], lines: Sequence[object]) -> None:
        """Changes something while the loop runs on, and waits until it says something new."""
        told = len(lines)
        await asyncio.to_thread(change)

        async def has_spoken() -> bool:
            return len(lines) > told

        await when(has_spoken)

    async def run() -> list[str]:
        app = await AppDatabase.connect(servers.database_url, pool_size=2, timeout_seconds=15)
        with capture_logs() as lines:
            async with kept(app, round_seconds=0.02):
                await hear(servers.stop, lines)
                await hear(servers.start, lines)
        await app.close()
        return [line["event"] for line in lines]

    try:
        assert asyncio.run(run()) == ["housekeeping.storage_unavailable", "housekeeping.storage_available"]
    finally:
        servers.stop()


def test_a_gateway_keeps_the_sums_fresh_by_itself(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    expected = sums_over(jobs_of(gateway.database, team), dimensions_of)
    until(lambda: stored_sums(gateway.database) == expected)


def test_a_process_without_a_worker_keeps_no_house(start_gateway: StartGateway) -> None:
    gateway = start_gateway("--no-worker")
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    with gateway.caller(team.secret) as caller:
        assert caller.get("/api/usage?from=2026-03-01").json()["totals"]["jobs"] == ROUND
    assert stored_sums(gateway.database) == sums_over(jobs_of(gateway.database, team), dimensions_of)


REFUSAL = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM 1 / 0; RETURN NULL; END $$
"""
REFUSE = """
    CREATE TRIGGER refuse BEFORE INSERT ON prompt_words FOR EACH STATEMENT EXECUTE FUNCTION refuse()
"""


def test_a_fault_in_one_chore_keeps_nobody_from_the_others(database: Database) -> None:
    fill(database, make_team(database), 20)
    database.rows(REFUSAL)
    database.rows(REFUSE)
    database.rows(SESSION, 1, timedelta(minutes=-1))

    async def run() -> list[MutableMapping[str, Any]]:
        app = await AppDatabase.connect(database.url, pool_size=2, timeout_seconds=30)
        with capture_logs() as lines:
            async with kept(app, round_seconds=0.02):
                await when_left(app, "sessions", 0)
        await app.close()
        return lines

    told = [line for line in asyncio.run(run()) if line["event"] == "housekeeping.failed"]
    assert {line["chore"] for line in told} == {"write words"}
    assert count(database, "usage_daily") > 0
