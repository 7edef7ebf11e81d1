"""Jobs of which nobody knows what they cost, and what an operator finds out about them."""

from collections.abc import Sequence
from uuid import UUID

from app.storage.postgres import Executor, Row, Transaction

# A lost job is settled once it has an adjusting entry, by whomever. The few jobs are found first, by the
# indexes on rare states, or the planner would walk through all jobs from the newest on to find a page.
UNKNOWN = """
    WITH held AS MATERIALIZED (
        SELECT id FROM jobs WHERE state = 'unknown' AND source_job_id IS NULL
        UNION ALL
        SELECT id FROM jobs j WHERE state = 'lost' AND source_job_id IS NULL
            AND NOT EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'adjust')
    )
    SELECT j.id, t.name AS team, k.name AS key, j.model, j.state, found.at AS since, found.note,
        j.told_at, j.reserved_micros,
        (SELECT l.spent_micros FROM ledger l WHERE l.job_id = j.id AND l.kind = 'charge') AS charged_micros
    FROM held
    JOIN jobs j ON j.id = held.id
    JOIN teams t ON t.id = j.team_id
    JOIN api_keys k ON k.id = j.key_id
    LEFT JOIN LATERAL (
        SELECT e.at, e.note FROM job_events e WHERE e.job_id = j.id AND e.to_state = 'unknown'
        ORDER BY e.id DESC LIMIT 1
    ) AS found ON true
    WHERE held.id < $1 ORDER BY held.id DESC LIMIT $2
"""

SCOPES = "SELECT team_id, key_id, token_id, state, source_job_id FROM jobs WHERE id = $1"

# What was charged is replaced; the unique kind of entry for each job lets only the first correction pass.
SETTLE = """
    WITH charged AS (
        SELECT sum(spent_micros)::bigint AS micros FROM ledger WHERE job_id = $1
    ), entry AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note)
        SELECT j.team_id, j.id, 'adjust', 0, $2::bigint - COALESCE(charged.micros, 0), now(), $3::text
        FROM jobs j CROSS JOIN charged
        WHERE j.id = $1 AND j.state = 'lost' AND j.source_job_id IS NULL
        ON CONFLICT (job_id, kind) DO NOTHING
        RETURNING spent_micros
    ), counted AS (
        UPDATE allowances a SET spent_micros = a.spent_micros + entry.spent_micros
        FROM entry, jobs j
        WHERE j.id = $1 AND a.scope_id IN (j.team_id, j.key_id, j.token_id) AND j.created_at >= a.window_start
    ), priced AS (
        UPDATE jobs j SET cost_micros = $2::bigint FROM entry WHERE j.id = $1
    )
    SELECT charged.micros AS charged_micros, entry.spent_micros AS adjusted_micros FROM charged, entry
"""


async def unknown_jobs(executor: Executor, before_id: UUID, limit: int) -> Sequence[Row]:
    """Jobs below this id whose cost is not known for certain, newest first."""
    return await executor.execute(UNKNOWN, before_id, limit)


async def scopes_of(executor: Executor, job_id: UUID) -> Row | None:
    """On whose allowances a job counts."""
    rows = await executor.execute(SCOPES, job_id)
    return rows[0] if rows else None


async def settle(transaction: Transaction, job_id: UUID, cost_micros: int, note: str | None) -> Row | None:
    """Corrects what a lost job cost; None when it is not lost, or was corrected before.

    The allowances that it counts on are locked by now.
    """
    rows = await transaction.execute(SETTLE, job_id, cost_micros, note)
    return rows[0] if rows else None
