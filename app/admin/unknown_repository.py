"""Jobs of which nobody knows what they cost, and what an operator finds out about them, or does."""

from collections.abc import Sequence
from uuid import UUID

from app.audit.job_filters import PAGE_LIMIT
from app.storage.postgres import Executor, Row, Transaction

_SHOWN = """
    j.id, t.name AS team, k.name AS key, j.model, j.state, found.at AS since, found.note, j.told_at,
    j.reserved_micros, spent.charged_micros, spent.resubmitted_at, spent.settled_at
"""

_BESIDE = """
    JOIN teams t ON t.id = j.team_id
    JOIN api_keys k ON k.id = j.key_id
    LEFT JOIN LATERAL (
        SELECT e.at, e.note FROM job_events e WHERE e.job_id = j.id AND e.to_state = 'unknown'
        ORDER BY e.id DESC LIMIT 1
    ) AS found ON true
    CROSS JOIN LATERAL (
        SELECT sum(l.spent_micros) FILTER (WHERE l.kind IN ('charge', 'resubmit'))::bigint AS charged_micros,
            max(l.at) FILTER (WHERE l.kind = 'resubmit') AS resubmitted_at,
            max(l.at) FILTER (WHERE l.kind = 'adjust') AS settled_at
        FROM ledger l WHERE l.job_id = j.id
    ) AS spent
"""

# What has to be there for a job to be sent once more.
_POSSIBLE = """
    COALESCE(i.input, '') <> '' AS has_input,
    k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
        AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AS is_let_in
"""

# A lost job is settled once it has an adjusting entry, by whomever; so is one that was sent again. The few
# jobs are found first, by the indexes on rare ones, or the planner would walk through all jobs from the
# newest on to find a page. There may be thousands of lost ones that nobody settles, so a page of each team's
# is looked for; that LIMIT is written out because the planner takes one that it does not know for a tenth.
UNKNOWN = f"""
    WITH held AS MATERIALIZED (
        SELECT id FROM jobs WHERE state = 'unknown' AND source_job_id IS NULL
        UNION
        SELECT lost.id FROM teams t
        CROSS JOIN LATERAL (
            SELECT j.id FROM jobs j
            WHERE j.team_id = t.id AND j.state = 'lost' AND j.id < $1 AND j.source_job_id IS NULL
                AND NOT EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'adjust')
            ORDER BY j.id DESC LIMIT {PAGE_LIMIT + 1}
        ) AS lost
        UNION
        SELECT l.job_id FROM ledger l JOIN jobs j ON j.id = l.job_id
        WHERE l.kind = 'resubmit' AND j.completed_at IS NOT NULL
            AND NOT EXISTS (SELECT FROM ledger a WHERE a.job_id = l.job_id AND a.kind = 'adjust')
    ), page AS MATERIALIZED (
        SELECT id FROM held WHERE id < $1 ORDER BY id DESC LIMIT $2
    )
    SELECT {_SHOWN} FROM page JOIN jobs j ON j.id = page.id {_BESIDE} ORDER BY j.id DESC
"""  # noqa: S608 # all parts are constants

# Only a job that was unknown once is of interest here.
ONE = f"""
    SELECT {_SHOWN}, j.team_id, j.key_id, j.token_id, j.end_user, j.created_at, j.completed_at, j.told_id,
        j.upstream_id, j.cancel_requested_at, j.webhook_url IS NOT NULL AS has_webhook, i.prompt,
        {_POSSIBLE}
    FROM jobs j {_BESIDE} LEFT JOIN job_inputs i ON i.job_id = j.id
    WHERE j.id = $1 AND j.source_job_id IS NULL AND found.at IS NOT NULL
"""  # noqa: S608 # all parts are constants

POSSIBLE = f"""
    SELECT {_POSSIBLE}
    FROM jobs j JOIN teams t ON t.id = j.team_id JOIN api_keys k ON k.id = j.key_id
    LEFT JOIN job_inputs i ON i.job_id = j.id
    WHERE j.id = $1
"""  # noqa: S608 # all parts are constants

SCOPES = """
    SELECT team_id, key_id, token_id, state, source_job_id, completed_at,
        EXISTS (SELECT FROM ledger l WHERE l.job_id = jobs.id AND l.kind = 'resubmit') AS is_resubmitted
    FROM jobs WHERE id = $1
"""

# Held by whoever binds a job, so that of two who name one id the second is told so.
LOCK_BINDINGS = "SELECT pg_advisory_xact_lock(4705131864)"

HOLDER = "SELECT id FROM jobs WHERE upstream_id = $1"

# The unique kind of entry lets a job be sent again once. What its first try may have cost is charged from now
# on: a budget that did not count it would be passed by what the upstream bills.
RESUBMIT = """
    WITH entry AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note)
        SELECT team_id, id, 'resubmit', reserved_micros * 0, reserved_micros, now(), $2::text
        FROM jobs WHERE id = $1
        ON CONFLICT (job_id, kind) DO NOTHING
        RETURNING spent_micros
    ), counted AS (
        UPDATE allowances a SET spent_micros = a.spent_micros + COALESCE(entry.spent_micros, 0)
        FROM entry, jobs j
        WHERE j.id = $1 AND a.scope_id IN (j.team_id, j.key_id, j.token_id) AND j.created_at >= a.window_start
    ), priced AS (
        UPDATE jobs j SET cost_micros = entry.spent_micros FROM entry WHERE j.id = $1
    )
    SELECT spent_micros FROM entry
"""

# What was charged is replaced; the unique kind of entry for each job lets only the first correction pass.
SETTLE = """
    WITH charged AS (
        SELECT sum(spent_micros)::bigint AS micros FROM ledger WHERE job_id = $1
    ), entry AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note)
        SELECT j.team_id, j.id, 'adjust', 0, $2::bigint - COALESCE(charged.micros, 0), now(), $3::text
        FROM jobs j CROSS JOIN charged
        WHERE j.id = $1 AND j.source_job_id IS NULL AND j.completed_at IS NOT NULL
            AND (j.state = 'lost'
                OR EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'resubmit'))
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


async def unknown_job(executor: Executor, job_id: UUID) -> Row | None:
    """All that is known of a job that is or was unknown."""
    rows = await executor.execute(ONE, job_id)
    return rows[0] if rows else None


async def possible(executor: Executor, job_id: UUID) -> Row:
    """What is there of what a job needs to be sent once more: `has_input`, `is_let_in`."""
    rows = await executor.execute(POSSIBLE, job_id)
    return rows[0]


async def lock_bindings(transaction: Transaction) -> None:
    """Lets nobody else bind a job until the commit."""
    await transaction.execute(LOCK_BINDINGS)


async def holder_of(executor: Executor, upstream_id: str) -> UUID | None:
    """The job that the upstream has under this id."""
    rows = await executor.execute(HOLDER, upstream_id)
    return rows[0]["id"] if rows else None


async def resubmit(transaction: Transaction, job_id: UUID, note: str) -> Row | None:
    """Charges what the first try of a job may have cost; None when it was sent again before.

    The allowances that it counts on are locked by now.
    """
    rows = await transaction.execute(RESUBMIT, job_id, note)
    return rows[0] if rows else None


async def scopes_of(executor: Executor, job_id: UUID) -> Row | None:
    """On whose allowances a job counts, and how it stands."""
    rows = await executor.execute(SCOPES, job_id)
    return rows[0] if rows else None


async def settle(transaction: Transaction, job_id: UUID, cost_micros: int, note: str | None) -> Row | None:
    """Corrects what a lost job cost, or one that was sent again; None when it is neither, or was before.

    The allowances that it counts on are locked by now.
    """
    rows = await transaction.execute(SETTLE, job_id, cost_micros, note)
    return rows[0] if rows else None
