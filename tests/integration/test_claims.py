"""What a worker takes up, and that it does so at the same cost beside a backup that lasts for hours."""

import asyncio
from collections.abc import Sequence

import asyncpg
import orjson
import pytest
from sqlalchemy import make_url

from app.jobs.job import EVERYWHERE_SECONDS, ClaimedJob
from app.jobs.repository import JobRepository
from app.jobs.statements import CLAIM_DUE
from app.storage.postgres import Database as AppDatabase
from tests.support.database import Database
from tests.support.history import ROUND, fill, make_team, with_app_database

# Two of each round of jobs have not ended.
OPEN = 20


@pytest.fixture
def owed(database: Database) -> Database:
    """A database with a few jobs that are looked at in ten years."""
    fill(database, make_team(database), OPEN // 2 * ROUND)
    return database


def claim(
    database: Database,
    limit: int,
    back_seconds: float = EVERYWHERE_SECONDS,
    others_first_seconds: float = 0.0,
) -> Sequence[ClaimedJob]:
    async def ask(opened: AppDatabase) -> Sequence[ClaimedJob]:
        return await JobRepository(opened, lease_seconds=30.0).claim_due(
            limit, back_seconds=back_seconds, others_first_seconds=others_first_seconds
        )

    claimed: Sequence[ClaimedJob] = with_app_database(database, ask)
    return claimed


def make_due(database: Database, number: int, seconds: int) -> None:
    """So many of those that are not due have been for so long."""
    database.rows(
        "UPDATE work SET due_at = now() - make_interval(secs => $2) WHERE job_id IN "
        "(SELECT job_id FROM work WHERE due_at > now() ORDER BY job_id LIMIT $1)",
        number,
        seconds,
    )


def test_a_claim_that_looks_back_a_little_leaves_the_rest_to_one_that_looks_everywhere(
    owed: Database,
) -> None:
    make_due(owed, 2, 3600)
    make_due(owed, 3, 1)
    assert len(claim(owed, 10, back_seconds=60.0)) == 3
    assert len(claim(owed, 10)) == 2


def test_a_claim_that_lets_others_go_first_takes_what_they_left(owed: Database) -> None:
    make_due(owed, 2, 3600)
    make_due(owed, 3, 5)
    assert len(claim(owed, 10, others_first_seconds=600.0)) == 2
    assert len(claim(owed, 10)) == 3


def test_a_claim_that_cannot_take_all_says_that_there_is_a_crowd(owed: Database) -> None:
    make_due(owed, 5, 60)
    assert all(60.0 <= job.crowd_seconds == job.lag_seconds for job in claim(owed, 3))
    assert [job.crowd_seconds for job in claim(owed, 3)] == [0.0, 0.0]


def test_replaced_rows_that_cannot_be_cleaned_away_cost_a_claim_nothing(owed: Database) -> None:
    dsn = make_url(owed.url).set(drivername="postgresql").render_as_string(hide_password=False)

    async def pages() -> tuple[int, int]:
        backup = await asyncpg.connect(dsn)
        await backup.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM work")
        connection = await asyncpg.connect(dsn)
        # Not in the order of their times, as jobs are looked at; so they stand all over the table.
        for number in range(1, 101):
            await connection.execute(f"UPDATE work SET due_at = now() - interval '{number * 37 % 101} h'")
        await connection.execute("UPDATE work SET due_at = now() + interval '1 h'")
        near, far = await _pages(connection, 5.0), await _pages(connection, EVERYWHERE_SECONDS)
        await connection.close()
        await backup.close()
        return near, far

    near, far = asyncio.run(pages())
    assert far > 50
    assert near < 20


async def _pages(connection: asyncpg.Connection, back_seconds: float) -> int:
    """How many pages a claim of nothing reads."""
    for way in ("seqscan", "bitmapscan", "sort"):
        await connection.execute(f"SET enable_{way} = off")
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)" + CLAIM_DUE
    [(plan,)] = await connection.fetch(explain, 30.0, 10, back_seconds, 0.0)
    top = orjson.loads(plan)[0]["Plan"]
    return int(top["Shared Hit Blocks"] + top["Shared Read Blocks"])
