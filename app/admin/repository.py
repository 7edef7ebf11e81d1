"""Teams and keys together with what they may spend and have spent, as operators see them."""

from collections.abc import Sequence
from uuid import UUID

from app.storage.postgres import Executor, Row

# What is used counts for the window that the row is in; once that is over, nothing is used of the next.
_ALLOWED = """
    a.max_in_flight, a.in_flight, a.budget_micros, a.budget_period,
    CASE WHEN a.window_start >= w.starts_at THEN a.reserved_micros ELSE 0 END AS reserved_micros,
    CASE WHEN a.window_start >= w.starts_at THEN a.spent_micros ELSE 0 END AS spent_micros,
    CASE a.budget_period
        WHEN 'day' THEN date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day'
        WHEN 'month' THEN date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month'
    END AT TIME ZONE 'UTC' AS window_resets_at
"""

_WINDOW = """
    CROSS JOIN LATERAL (
        SELECT CASE a.budget_period WHEN 'total' THEN '-infinity'
            ELSE date_trunc(a.budget_period, now(), 'UTC') END AS starts_at
    ) AS w
"""

_TEAMS = f"""
    SELECT t.id, t.name, t.created_at, t.expires_at, t.revoked_at, t.requests_per_minute, t.models,
        t.privacy, t.payload_days, t.job_days, t.image_days, t.keeps_images, t.rewrites_urls,
        {_ALLOWED}
    FROM teams t JOIN allowances a ON a.scope_id = t.id {_WINDOW}
"""  # noqa: S608 # all parts are constants

_KEYS = f"""
    SELECT k.id, k.name, t.name AS team, k.team_id, k.hint, k.created_at, k.expires_at, k.revoked_at,
        k.requests_per_minute, k.models, t.revoked_at AS team_revoked_at, t.expires_at AS team_expires_at,
        CASE WHEN k.previous_expires_at > now() THEN k.previous_expires_at END AS previous_expires_at,
        {_ALLOWED}
    FROM api_keys k JOIN teams t ON t.id = k.team_id JOIN allowances a ON a.scope_id = k.id {_WINDOW}
"""  # noqa: S608 # all parts are constants

TEAM = _TEAMS + "WHERE t.id = $1"

# A name that looks like the id of another team is a name.
TEAM_CALLED = _TEAMS + "WHERE t.name = $1 OR t.id = $2 ORDER BY t.name = $1 DESC LIMIT 1"

TEAMS = _TEAMS + "WHERE t.id > $1 ORDER BY t.id LIMIT $2"

KEY = _KEYS + "WHERE k.id = $1"

KEYS = _KEYS + "WHERE k.id > $1 AND ($2::uuid IS NULL OR k.team_id = $2) ORDER BY k.id LIMIT $3"


async def team(executor: Executor, team_id: UUID) -> Row | None:
    """One team."""
    rows = await executor.execute(TEAM, team_id)
    return rows[0] if rows else None


async def team_called(executor: Executor, name: str, team_id: UUID | None) -> Row | None:
    """The team of this name, or else of this id."""
    rows = await executor.execute(TEAM_CALLED, name, team_id)
    return rows[0] if rows else None


async def teams(executor: Executor, after_id: UUID, limit: int) -> Sequence[Row]:
    """Teams behind this id, revoked and expired ones included; ids rise with time."""
    return await executor.execute(TEAMS, after_id, limit)


async def key(executor: Executor, key_id: UUID) -> Row | None:
    """One key."""
    rows = await executor.execute(KEY, key_id)
    return rows[0] if rows else None


async def keys(executor: Executor, after_id: UUID, limit: int, *, team_id: UUID | None) -> Sequence[Row]:
    """Keys behind this id, of one team or of all, revoked and expired ones included; ids rise with time."""
    return await executor.execute(KEYS, after_id, team_id, limit)
