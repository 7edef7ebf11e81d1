"""Jobs of the past, as the gateway would have left them: made by the thousand in one statement."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from app.callers.key_material import digest_of, hint_of, new_key
from app.storage.postgres import Database as AppDatabase
from app.storage.postgres import Executor
from tests.support.database import Database
from tests.support.stores import PEPPER

MODELS = ("fal-ai/flux-1/dev", "fal-ai/flux-1/schnell", "fal-ai/flux-pro/v1.1")
END_USERS = (None, "ann", "bob", None, "cy", "ann", "dee")
SUMS = ("jobs", "succeeded", "failed", "images", "cost_micros", "saved_micros", "unpriced")
DIMENSIONS = {
    "usage_daily": ("team_id", "day", "key_id", "model", "end_user"),
    "usage_by_day": ("team_id", "day", "key_id", "model"),
    "usage_by_month": ("team_id", "month", "key_id", "model", "end_user"),
}
# After so many jobs the kinds of jobs come round again; see `kind` below.
ROUND = 20

# `kind` 0 failed, 1 expired, 2 lost, 3 cancelled, 4 open, 5 without a price, 6 answered by a later one, 7 an
# open one that waits for another, all others succeeded. Times and ids rise together, as the gateway's do.
FILL = """
    WITH series AS (
        SELECT n, n % 20 AS kind, $4::timestamptz + n * $5::interval AS at
        FROM generate_series(0, $3::int - 1) n
    ), named AS (
        SELECT *, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
            || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5($6::text || n), 1, 15))::uuid AS id
        FROM series
    ), jobs_to_be AS (
        SELECT *, 25000 + n % 7 * 1000 AS most, 25000 + n % 7 * 1000 - n % 3 * 101 AS cost,
            lead(id, 3) OVER (ORDER BY n) AS answered_by,
            CASE kind WHEN 0 THEN 'failed' WHEN 1 THEN 'expired' WHEN 2 THEN 'lost' WHEN 3 THEN 'cancelled'
                WHEN 4 THEN 'queued' WHEN 7 THEN 'queued' ELSE 'succeeded' END AS state,
            kind IN (4, 7) AS is_open, kind IN (6, 7) AS is_answered, kind IN (0, 3) AS is_released,
            $2::uuid[] AS keys
        FROM named
    ), held AS (
        SELECT scope_id FROM allowances WHERE scope_id = $1 FOR UPDATE
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, created_at, submitted_at, completed_at,
            error_type, end_user, cache, source_job_id, price_version, price_basis, price_micros,
            reserved_micros,
            cost_micros, saved_micros, images_asked, images)
        SELECT id, $1, keys[n % cardinality(keys) + 1], ($7::text[])[n % cardinality($7::text[]) + 1], state,
            at, at, CASE WHEN NOT is_open THEN at + interval '3 s' END,
            CASE WHEN state = 'failed' THEN 'upstream_error' END,
            ($8::text[])[n % cardinality($8::text[]) + 1],
            CASE kind WHEN 6 THEN 'HIT' WHEN 7 THEN 'JOINED' ELSE 'MISS' END,
            CASE WHEN is_answered THEN answered_by END, 1, 'megapixel',
            CASE WHEN kind <> 5 THEN 25000 END, CASE WHEN kind <> 5 AND NOT is_answered THEN most END,
            CASE WHEN is_open OR kind = 5 THEN NULL WHEN is_released OR is_answered THEN 0 ELSE cost END,
            CASE WHEN kind = 6 THEN cost END, 1 + n % 4,
            CASE WHEN is_open THEN NULL WHEN state = 'succeeded' THEN 1 + n % 4 ELSE 0 END
        FROM jobs_to_be
    ), asked AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, 'picture ' || n, '{"prompt":"picture ' || n || '"}', '{}' FROM jobs_to_be
    ), answered AS (
        INSERT INTO job_results (job_id, status_code, headers, body)
        SELECT id, 200, '{}', convert_to('{"images":[{"url":"https://v3.fal.media/files/' || n
            || '.png","width":1024,"height":768,"content_type":"image/png"}],"seed":' || n || '}', 'UTF8')
        FROM jobs_to_be WHERE state = 'succeeded' AND NOT is_answered
    ), owed AS (
        INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
        SELECT 'follow', id, now() + interval '10 years', 0, 1, false FROM jobs_to_be WHERE is_open
    )
    INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
    SELECT $1, id, entry,
        CASE WHEN is_answered THEN 0 WHEN kind = 5 THEN NULL WHEN step = 1 THEN most ELSE -most END,
        CASE WHEN kind = 5 THEN NULL WHEN step = 1 OR is_answered OR is_released THEN 0 ELSE cost END,
        at + CASE step WHEN 1 THEN interval '0' ELSE interval '3 s' END
    FROM jobs_to_be
    CROSS JOIN LATERAL (VALUES (1, 'reserve'), (2, CASE WHEN is_released THEN 'release' ELSE 'charge' END))
        AS entries (step, entry)
    WHERE (step = 1 OR NOT is_open) AND (SELECT count(*) FROM held) >= 0
    ORDER BY n, step
"""


@dataclass(frozen=True)
class Key:
    """A key that was made for a test."""

    id: UUID
    name: str
    secret: str


@dataclass(frozen=True)
class Team:
    """A team with its keys, which are named in the order in which they were made."""

    id: UUID
    name: str
    keys: tuple[Key, ...]

    @property
    def secret(self) -> str:
        """One of its keys."""
        return self.keys[0].secret


def values_of(team: Team, number: int, **options: Any) -> list[object]:
    """The values of `FILL`: by default a job a minute on the second of March."""
    return [
        team.id,
        [key.id for key in team.keys],
        number,
        options.get("starts_at", datetime(2026, 3, 2, tzinfo=UTC)),
        options.get("step", timedelta(minutes=1)),
        uuid4().hex,
        list(options.get("models", MODELS)),
        list(options.get("end_users", END_USERS)),
    ]


def fill(database: Database, team: Team, number: int, **options: Any) -> None:
    """Records so many jobs of a team; their number is best a multiple of `ROUND`."""
    database.rows(FILL, *values_of(team, number, **options))


def make_team(database: Database, *, keys: int = 2) -> Team:
    """A new team that nobody has limited."""
    team = Team(
        uuid4(), f"team-{uuid4().hex}", tuple(Key(uuid4(), f"key {n}", new_key()) for n in range(keys))
    )
    database.rows("INSERT INTO teams (id, name) VALUES ($1, $2)", team.id, team.name)
    database.rows("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'team')", team.id)
    for key in team.keys:
        database.rows(
            "INSERT INTO api_keys (id, team_id, name, digest, hint) VALUES ($1, $2, $3, $4, $5)",
            key.id,
            team.id,
            key.name,
            digest_of(key.secret, PEPPER.encode()),
            hint_of(key.secret),
        )
        database.rows("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'key')", key.id)
    return team


def jobs_of(database: Database, team: Team) -> list[dict[str, Any]]:
    """The rows of a team's jobs, newest first."""
    return database.rows("SELECT * FROM jobs WHERE team_id = $1 ORDER BY id DESC", team.id)


def sums_over(
    jobs: Iterable[dict[str, Any]], by: Callable[[dict[str, Any]], object]
) -> dict[object, dict[str, int]]:
    """What a report should say, counted one job after the other."""
    sums: dict[object, Counter[str]] = {}
    for job in jobs:
        line = sums.setdefault(by(job), Counter(dict.fromkeys(SUMS, 0)))
        line["jobs"] += 1
        line["succeeded"] += job["state"] == "succeeded"
        line["failed"] += job["state"] in ("failed", "expired", "lost")
        line["images"] += job["images"] or 0
        line["cost_micros"] += job["cost_micros"] or 0
        line["saved_micros"] += job["saved_micros"] or 0
        line["unpriced"] += job["completed_at"] is not None and job["cost_micros"] is None
    return {place: dict(line) for place, line in sums.items()}


def day_of(job: dict[str, Any]) -> date:
    """The day on which a job was recorded, by UTC."""
    at: datetime = job["created_at"]
    return at.astimezone(UTC).date()


def stored_sums(database: Database, table: str = "usage_daily") -> dict[object, dict[str, int]]:
    """The daily sums as they are stored, or coarser ones."""
    return {
        tuple(row[name] for name in DIMENSIONS[table]): {name: row[name] for name in SUMS}
        for row in database.rows(f"SELECT * FROM {table}")
    }


def dimensions_of(job: dict[str, Any]) -> tuple[object, ...]:
    """Where a job stands in the daily sums."""
    return job["team_id"], day_of(job), job["key_id"], job["model"], job["end_user"] or ""


def coarser_sums(database: Database) -> list[dict[object, dict[str, int]]]:
    """The sums without end users, and those of months, as they are stored."""
    return [stored_sums(database, "usage_by_day"), stored_sums(database, "usage_by_month")]


def coarser_sums_over(jobs: Sequence[dict[str, Any]]) -> list[dict[object, dict[str, int]]]:
    """What they should be."""

    def of_month(job: dict[str, Any]) -> tuple[object, ...]:
        team_id, _, *others = dimensions_of(job)
        return team_id, day_of(job).replace(day=1), *others

    return [sums_over(jobs, lambda job: dimensions_of(job)[:4]), sums_over(jobs, of_month)]


def with_app_database(database: Database, work: Callable[[AppDatabase], Any], *, pool_size: int = 8) -> Any:
    """Runs a coroutine function of the gateway's own code on this database."""

    async def run() -> Any:
        opened = await AppDatabase.connect(database.url, pool_size=pool_size, timeout_seconds=30)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


async def add_jobs(executor: Executor, team: Team, number: int, **options: Any) -> None:
    """The same as `fill`, for tests that do several things at once."""
    await executor.execute(FILL, *values_of(team, number, **options))


def micros(amount: str) -> int:
    """The number of micro-USD in `0.025000`."""
    dollars, _, places = amount.partition(".")
    return int(dollars + places) if len(places) == 6 else -1


def by_columns(items: Sequence[dict[str, Any]], *columns: str) -> dict[object, dict[str, int]]:
    """The lines of a report in the form of `sums_over`."""
    return {
        tuple(item[column] for column in columns): {
            **{name: item[name] for name in ("jobs", "succeeded", "failed", "images", "unpriced")},
            "cost_micros": micros(item["cost_usd"]),
            "saved_micros": micros(item["saved_usd"]),
        }
        for item in items
    }
