"""The statement for a database that was restored from a backup."""

from app.storage.postgres import Transaction

# The epoch moves on, so that nobody who claimed such a job sends it after all.
HOLD = """
    WITH held AS (
        SELECT j.id FROM jobs j JOIN work w ON w.kind = 'follow' AND w.job_id = j.id
        WHERE j.state = 'accepted' AND j.source_job_id IS NULL
        ORDER BY j.id FOR UPDATE OF w
    ), moved AS (
        UPDATE jobs SET state = 'submitting' FROM held WHERE jobs.id = held.id
    ), due AS (
        UPDATE work w SET due_at = now(), epoch = w.epoch + 1, is_leased = false
        FROM held WHERE w.kind = 'follow' AND w.job_id = held.id
    ), events AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT id, now(), 'accepted', 'submitting', $1 FROM held
    )
    SELECT count(*) AS number FROM held
"""


async def hold_accepted(transaction: Transaction, note: str) -> int:
    """Treats what waits to be sent as if it had been sent; how many jobs that were."""
    rows = await transaction.execute(HOLD, note)
    return int(rows[0]["number"])
