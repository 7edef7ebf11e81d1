"""How long a month's report, a page of jobs and the overview take over a million jobs.

Fills a throw-away PostgreSQL with one team's month: 5 keys, 3 models, 50 end users, a ledger and answers as
the gateway leaves them. Then calls the use cases behind `/api/usage`, `/api/usage.csv` and `/api/jobs` as a
request would, on a connection that has seen the statement before, and renders their JSON; HTTP itself is not
in the figures. The month ends today, so that the overview has something to tell; of it each statement is
measured alone, and `--plans` prints how PostgreSQL finds the answers. `python bench/reports.py --jobs 100000`
makes it smaller.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from app.audit import overview_statements
from app.audit.cursor import Cursors
from app.audit.job_filters import JobFilters, Sight
from app.audit.job_listing import list_jobs, listing_of
from app.audit.overview import look_at_month, look_at_present
from app.audit.period import Period
from app.audit.report_repository import ReportRepository
from app.audit.roll_up import roll_up
from app.audit.usage import report_usage, usage_csv
from app.audit.usage_report import UsageQuestion
from app.storage.embedded import embedded_services
from app.storage.migrate import migrate
from app.storage.postgres import Database

MONTH = timedelta(days=31)
STARTS_AT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
MODELS = ["fal-ai/flux-1/dev", "fal-ai/flux-1/schnell", "fal-ai/flux-pro/v1.1"]
CHUNK = 100_000
ROUNDS = 15

# Of a thousand jobs 50 fail, 20 are cancelled, 1 is lost; the last two hundred of the month are still open.
JOBS = """
    INSERT INTO jobs (id, team_id, key_id, model, state, created_at, submitted_at, completed_at, end_user,
        cache, upstream_id, price_version, price_basis, price_micros, reserved_micros, cost_micros,
        images_asked, images)
    SELECT
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
            || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid,
        $1, ($2::uuid[])[(hashint4(n) & 1023) % 5 + 1], ($3::text[])[n % 3 + 1], state, at, at,
        CASE WHEN state <> 'queued' THEN at + interval '4 s' END, 'user ' || (hashint4(n + 1) & 1023) % 50,
        'MISS', gen_random_uuid()::text, 1, 'megapixel', 25000, 26214,
        CASE WHEN state IN ('succeeded', 'lost') THEN 26214 - n % 500 WHEN state <> 'queued' THEN 0 END,
        1, CASE WHEN state = 'succeeded' THEN 1 WHEN state <> 'queued' THEN 0 END
    FROM (
        SELECT n, $4::timestamptz + n * $5::interval AS at,
            CASE WHEN n >= $8::int - 200 THEN 'queued' WHEN n % 1000 = 7 THEN 'lost'
                WHEN n % 20 = 3 THEN 'failed' WHEN n % 50 = 1 THEN 'cancelled' ELSE 'succeeded' END AS state
        FROM generate_series($6::int, $7::int - 1) n
    ) AS series
"""
INPUTS = """
    INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
    SELECT id, 'A lighthouse on a cliff at dawn, soft light, wide angle, film grain',
        '{"prompt":"A lighthouse on a cliff at dawn, soft light, wide angle, film grain","num_images":1}',
        '{}'
    FROM jobs WHERE id >= $1
"""
RESULTS = """
    INSERT INTO job_results (job_id, status_code, headers, body)
    SELECT id, 200, '{"content-type":"application/json"}', convert_to(
        '{"images":[{"url":"https://v3.fal.media/files/' || id
        || '.png","width":1024,"height":1024,"content_type":"image/png"}],"timings":{"inference":1.9},'
        || '"seed":7,"has_nsfw_concepts":[false],"prompt":"A lighthouse on a cliff at dawn"}', 'UTF8')
    FROM jobs WHERE id >= $1 AND state = 'succeeded'
"""
LEDGER = """
    INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
    SELECT team_id, id, kind, CASE step WHEN 1 THEN reserved_micros ELSE -reserved_micros END,
        CASE step WHEN 1 THEN 0 ELSE cost_micros END, created_at
    FROM jobs CROSS JOIN LATERAL (VALUES
        (1, 'reserve'), (2, CASE WHEN state IN ('failed', 'cancelled') THEN 'release' ELSE 'charge' END)
    ) AS kinds (step, kind)
    WHERE id >= $1 AND (step = 1 OR completed_at IS NOT NULL)
    ORDER BY id, step
"""
WORK = """
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'follow', id, now() + interval '10 years', 0, 1, false FROM jobs WHERE state = 'queued'
"""


class Bench:
    """One team's month in a database of its own."""

    def __init__(self, database: Database, jobs: int) -> None:
        self.database = database
        self.jobs = jobs
        self.team_id = uuid7()
        self.keys = [uuid7() for _ in range(5)]
        self.reports = ReportRepository(database, grace_seconds=3600)

    async def fill(self) -> None:
        """Everything that a month leaves behind, a hundred thousand jobs at a time."""
        execute = self.database.execute
        await self.open_team()
        for first in range(0, self.jobs, CHUNK):
            end = min(first + CHUNK, self.jobs)
            step = MONTH / self.jobs
            values = (self.team_id, self.keys, MODELS, STARTS_AT, step, first, end, self.jobs)
            await execute(JOBS, *values)
            milliseconds = int((STARTS_AT + first * step).timestamp() * 1000)
            for statement in (INPUTS, RESULTS, LEDGER):
                await execute(statement, UUID(int=milliseconds << 80))
        await execute(WORK)
        for table in ("jobs", "job_inputs", "job_results", "ledger", "work", "teams", "api_keys"):
            await execute(f"ANALYZE {table}")

    async def open_team(self) -> None:
        """The team, with its keys."""
        execute = self.database.execute
        await execute("INSERT INTO teams (id, name) VALUES ($1, 'studio')", self.team_id)
        await execute("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'team')", self.team_id)
        await execute(
            "INSERT INTO api_keys (id, team_id, name, digest, hint) "
            "SELECT id, $1, 'key ' || n, sha256(id::text::bytea), 'hint' FROM unnest($2::uuid[]) "
            "WITH ORDINALITY AS k (id, n)",
            self.team_id,
            self.keys,
        )

    async def report(self, question: UsageQuestion) -> int:
        """The JSON of a report; returns its size in bytes."""
        return len(orjson.dumps(await report_usage(self.reports, question)))

    async def csv(self, question: UsageQuestion) -> int:
        """The CSV of a report, piece by piece."""
        return sum([len(piece) async for piece in usage_csv(self.reports, question)])

    async def page(self, filters: JobFilters, sight: Sight, *, deep: bool = False) -> int:
        """The JSON of a page of 50, the first one or one from the middle of the month."""
        cursors = Cursors(b"bench")
        cursor = None
        if deep:
            place = int((STARTS_AT + MONTH / 2).timestamp() * 1000) << 80
            cursor = cursors.sign(listing_of(sight, filters), UUID(int=place))
        page = await list_jobs(self.reports, cursors, sight, filters, cursor=cursor, limit=50)
        return len(orjson.dumps(page))


def questions(team_id: UUID) -> Iterator[tuple[str, UsageQuestion]]:
    """The month by each grouping, and pieces of it that begin and end within a day."""
    month = Period(STARTS_AT, STARTS_AT + MONTH)
    for groups in (
        ("day",),
        ("model",),
        ("key",),
        ("end_user",),
        ("team",),
        ("day", "model"),
        ("key", "model", "end_user"),
        ("team", "key", "model", "day", "end_user"),
    ):
        yield f"month by {','.join(groups)}", UsageQuestion(month, groups, team_id)
    pieces = Period(STARTS_AT + timedelta(hours=9, minutes=30), STARTS_AT + MONTH - timedelta(hours=7))
    yield "from 9:30 to 17:00 by day", UsageQuestion(pieces, ("day",), team_id)
    yield "month by day, all teams", UsageQuestion(month, ("day",))


def pages(bench: Bench) -> Iterator[tuple[str, Callable[[], Awaitable[int]]]]:
    """A page of the team with each filter."""
    team, everybody = Sight(team_id=bench.team_id), Sight()
    middle = STARTS_AT + MONTH / 2
    for name, filters in (
        ("no filter", JobFilters()),
        *(
            (f"state={state}", JobFilters(state=state))
            for state in ("succeeded", "failed", "lost", "expired")
        ),
        ("state=queued", JobFilters(state="queued")),
        ("state=running (none)", JobFilters(state="running")),
        ("model", JobFilters(model=MODELS[1])),
        ("model (none)", JobFilters(model="fal-ai/nothing")),
        ("key by id", JobFilters(key=str(bench.keys[2]))),
        ("key by name", JobFilters(key="key 3")),
        ("end_user", JobFilters(end_user="user 7")),
        ("end_user (none)", JobFilters(end_user="nobody")),
        ("from, to", JobFilters(starts_at=middle, ends_at=middle + timedelta(days=1))),
        ("to, before all", JobFilters(ends_at=STARTS_AT)),
        ("state=failed, key, end_user", JobFilters(state="failed", key="key 3", end_user="user 7")),
        ("state=lost, model, key", JobFilters(state="lost", model=MODELS[0], key="key 3")),
    ):
        yield f"{name}", partial(bench.page, filters, team)
        yield f"{name}, all teams", partial(bench.page, filters, everybody)
    yield "no filter, in the middle", lambda: bench.page(JobFilters(), team, deep=True)
    deep = JobFilters(end_user="user 7")
    yield "end_user, in the middle", lambda: bench.page(deep, team, deep=True)


def statements_of_the_overview(bench: Bench) -> Iterator[tuple[str, str, tuple[object, ...]]]:
    """Every statement behind the overview with its values: for all, then for the one team."""
    first = STARTS_AT.date()
    for whose, ending, values in (("all", "OF_ALL", ()), ("team", "OF_TEAM", (bench.team_id,))):
        for name in ("OPEN", "TODAY", "LATELY", "BUDGETS"):
            yield f"{name.lower()}, {whose}", getattr(overview_statements, f"{name}_{ending}"), values
        for dimension in ("team", "key", "model"):
            statement = overview_statements.days_by(dimension, of_team=bool(values))
            yield f"days by {dimension}, {whose}", statement, (first, *values)
    yield "overdue", overview_statements.OVERDUE, ()


async def measure_overview(bench: Bench, *, with_plans: bool) -> None:
    """Each statement of the overview, then what a page asks for at once."""

    async def rows(statement: str, values: tuple[object, ...]) -> int:
        return len(await bench.database.execute(statement, *values))

    for name, statement, values in statements_of_the_overview(bench):
        await measure(f"overview: {name}", partial(rows, statement, values))
        if with_plans:
            for row in await bench.database.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", *values):
                print(f"      {row['QUERY PLAN']}")
    for whose, team_id in (("all", None), ("team", bench.team_id)):

        async def present(team_id: UUID | None = team_id) -> int:
            return len((await look_at_present(bench.database, team_id)).budgets)

        async def month(team_id: UUID | None = team_id) -> int:
            return len((await look_at_month(bench.database, team_id, "model")).sums)

        await measure(f"overview, the present, {whose}", present)
        await measure(f"overview, the month, {whose}", month)


async def measure(name: str, ask: Callable[[], Awaitable[int]]) -> None:
    """The median of several, after one that makes the plan."""
    size = await ask()
    times = []
    for _ in range(ROUNDS):
        started = perf_counter()
        await ask()
        times.append((perf_counter() - started) * 1000)
    print(f"  {name:<42} {statistics.median(times):8.1f} {max(times):8.1f} {size:10,d}")


async def run(url: str, jobs: int, *, with_plans: bool) -> None:
    database = await Database.connect(url, pool_size=1, timeout_seconds=600)
    bench = Bench(database, jobs)
    started = perf_counter()
    await bench.fill()
    print(f"{jobs:,d} jobs filled in {perf_counter() - started:.0f} s")
    started = perf_counter()
    entries = await roll_up(database)
    print(f"{entries:,d} entries rolled up in {perf_counter() - started:.1f} s")
    await database.execute("VACUUM ANALYZE")
    print(f"\n  {'median of ' + str(ROUNDS):<42} {'ms':>8} {'most':>8} {'bytes':>10}")
    for name, question in questions(bench.team_id):
        await measure(name, partial(bench.report, question))
    everything = UsageQuestion(
        Period(STARTS_AT, STARTS_AT + MONTH), ("team", "key", "model", "day", "end_user"), bench.team_id
    )
    await measure("the same, all five, as CSV", lambda: bench.csv(everything))
    for name, ask in pages(bench):
        await measure(f"page: {name}", ask)
    await measure_overview(bench, with_plans=with_plans)
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as directory,
        embedded_services(Path(directory), postgres=True, redis=False) as addresses,
    ):
        assert addresses.database_url is not None
        asyncio.run(migrate(addresses.database_url))
        asyncio.run(run(addresses.database_url, arguments.jobs, with_plans=arguments.plans))


if __name__ == "__main__":
    main()
