"""Statements find few rows by their index, whenever their plan was made."""

import asyncio
from uuid import UUID, uuid4

from app.storage.postgres import Database as AppDatabase
from tests.support.database import Database

LOOK_UP = """
    SELECT t.id FROM unnest($1::uuid[]) AS asked (id) JOIN things t ON t.id = asked.id
"""
FILL = "INSERT INTO things SELECT gen_random_uuid() FROM generate_series(1, 20000)"
READ_WHOLE = "SELECT seq_scan AS times FROM pg_stat_user_tables WHERE relname = 'things'"

WHEN_EMPTY, WHEN_FULL = 20, 280


def test_a_plan_that_was_made_on_an_empty_table_is_made_anew_as_it_grows(database: Database) -> None:
    database.rows("CREATE TABLE things (id uuid PRIMARY KEY)")
    database.rows("ANALYZE things")
    whole = asyncio.run(times_read_whole(database))
    assert 0 < whole < WHEN_FULL // 2


async def times_read_whole(database: Database) -> int:
    """How often the look-up of one row reads the table from its start to its end, once it is large."""
    stored = await AppDatabase.connect(database.url, pool_size=1, timeout_seconds=30)
    sought: list[UUID] = [uuid4()]
    for _ in range(WHEN_EMPTY):
        await stored.execute(LOOK_UP, sought)
    await stored.execute(FILL)
    for _ in range(WHEN_FULL):
        await stored.execute(LOOK_UP, sought)
    await stored.execute("SELECT pg_stat_force_next_flush()")
    [row] = await stored.execute(READ_WHOLE)
    await stored.close()
    return int(row["times"]) - WHEN_EMPTY
