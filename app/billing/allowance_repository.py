"""Every statement on allowances that an operator's change needs; those of submits are in `app/jobs`.

A change holds the row's lock until its commit, so what submits and ends of jobs add meanwhile waits, and what
is counted anew under the lock is complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from app.storage.postgres import Executor, Row, Transaction

Scope = Literal["team", "key"]
Period = Literal["day", "month", "total"]

ADD = """
    INSERT INTO allowances (scope_id, scope, budget_micros, budget_period, max_in_flight)
    VALUES ($1, $2, $3, $4, $5)
"""

LOCK = """
    SELECT scope, budget_period FROM allowances WHERE scope_id = ANY($1::uuid[]) ORDER BY scope_id FOR UPDATE
"""

CHANGE = """
    UPDATE allowances SET budget_micros = $2, budget_period = $3, max_in_flight = $4 WHERE scope_id = $1
"""

# Of windows that are not over; what was spent in one that is counts no more.
COUNT_NEARLY_SPENT = """
    SELECT scopes.scope, (
        SELECT count(*) FROM allowances a
        WHERE a.scope = scopes.scope AND a.budget_micros > 0
            AND a.spent_micros + a.reserved_micros >= a.budget_micros * $1::float8
            AND a.window_start >= CASE a.budget_period
                WHEN 'total' THEN '-infinity' ELSE date_trunc(a.budget_period, now(), 'UTC') END
    ) AS number
    FROM unnest(ARRAY['team', 'key']) AS scopes (scope)
"""

COLUMNS: Final = {"team": "team_id", "key": "key_id", "token": "token_id"}

# What the ledger and the jobs of a scope say of a window. Amounts that nobody knows count nothing, nor does a
# job that another one answered. Of jobs that are not stored any more there are sums of days, and windows
# begin with a day. `clock_timestamp()`, because the transaction may have waited for the lock since before.
REBUILD = """
    WITH held AS MATERIALIZED (
        SELECT scope_id, CASE budget_period WHEN 'total' THEN '-infinity'::timestamptz
            ELSE date_trunc(budget_period, clock_timestamp(), 'UTC') END AS starts_at
        FROM allowances WHERE scope_id = $1
    ), money AS (
        SELECT COALESCE(sum(l.reserved_micros), 0)::bigint AS reserved_micros,
            COALESCE(sum(l.spent_micros), 0)::bigint AS spent_micros
        FROM held
        JOIN jobs j ON j.{column} = $1 AND j.source_job_id IS NULL AND j.created_at >= held.starts_at
        JOIN ledger l ON l.job_id = j.id AND l.team_id = j.team_id
    ), made AS (
        SELECT COALESCE(sum(CASE WHEN j.completed_at IS NULL THEN j.images_asked ELSE j.images END), 0)::int
            AS images
        FROM held
        JOIN jobs j ON j.{column} = $1 AND j.source_job_id IS NULL AND j.created_at >= held.starts_at
    ), gone AS (
        SELECT COALESCE(sum(u.cost_micros), 0)::bigint AS spent_micros,
            COALESCE(sum(u.images_made), 0)::int AS images
        FROM held JOIN usage_purged u ON $1 IN (u.team_id, u.key_id)
            AND u.day >= (held.starts_at AT TIME ZONE 'UTC')::date
    ), open AS (
        SELECT count(*)::int AS in_flight FROM jobs j
        WHERE j.{column} = $1 AND j.source_job_id IS NULL AND j.completed_at IS NULL
            AND EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'reserve')
    )
    UPDATE allowances AS a SET window_start = held.starts_at, reserved_micros = money.reserved_micros,
        spent_micros = money.spent_micros + gone.spent_micros, images = made.images + gone.images,
        in_flight = open.in_flight
    FROM held, money, made, gone, open WHERE a.scope_id = held.scope_id
    RETURNING a.reserved_micros, a.spent_micros, a.images, a.in_flight
"""


@dataclass(frozen=True, slots=True)
class Counters:
    """What is used of an allowance since its window began; jobs in flight are those of all windows."""

    reserved_micros: int
    spent_micros: int
    images: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class AllowanceLimits:
    """What may be used; None where there is no limit."""

    budget_micros: int | None
    budget_period: Period
    max_in_flight: int | None


async def add(executor: Executor, scope: Scope, scope_id: UUID, limits: AllowanceLimits) -> None:
    """Adds the row of a new team or key."""
    values = (limits.budget_micros, limits.budget_period, limits.max_in_flight)
    await executor.execute(ADD, scope_id, scope, *values)


async def lock(transaction: Transaction, scope_ids: Sequence[UUID]) -> Sequence[Row]:
    """Locks rows until the commit, in the order that everybody locks them in: `scope`, `budget_period`."""
    return await transaction.execute(LOCK, list(scope_ids))


async def change(transaction: Transaction, scope_id: UUID, limits: AllowanceLimits) -> None:
    """Changes the limits of one team or key; what is used of them counts in the new window from here on."""
    [held] = await lock(transaction, [scope_id])
    await transaction.execute(
        CHANGE, scope_id, limits.budget_micros, limits.budget_period, limits.max_in_flight
    )
    if held["budget_period"] != limits.budget_period:
        await rebuild(transaction, scope_id)


async def rebuild(transaction: Transaction, scope_id: UUID) -> Counters | None:
    """Counts what is used since the present window began from the ledger and the jobs, and stores it.

    None when there is no such allowance.
    """
    held = await lock(transaction, [scope_id])
    if not held:
        return None
    # A statement of its own: what was committed while the lock was waited for is only seen by the next one.
    statement = REBUILD.format(column=COLUMNS[held[0]["scope"]])
    [row] = await transaction.execute(statement, scope_id)
    return Counters(**row)


async def count_nearly_spent(executor: Executor, share: float) -> dict[str, int]:
    """How many teams and keys have spent or reserved this share of their budgets."""
    rows = await executor.execute(COUNT_NEARLY_SPENT, share)
    return {row["scope"]: int(row["number"]) for row in rows}
