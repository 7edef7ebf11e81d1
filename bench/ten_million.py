"""Whether anything grows with what is stored: the same questions over ten thousand jobs and over ten million.

Fills a PostgreSQL with one team's year twice, small and large: jobs, inputs, answers, events, ledger, sums
and words, as the gateway leaves them; indexes that are not the primary key are made when the tables are full.
Then asks for reports, lists and pages as `bench/reports.py` and `bench/console.py` do, lets a gateway take
and follow jobs of a second, and purges; and prints both side by side: how long it took, and the CPU time of
this process, the gateway and all of PostgreSQL, which a busy machine disturbs less. `--keep DIR` fills a
directory once.
Ten million take 30 GB and half an hour. `python bench/ten_million.py --jobs 100000` is the short form.
"""

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final
from uuid import UUID

import asyncpg
import console
import httpx
import in_flight
import orjson
import reports
from sqlalchemy import make_url
from statements import cpu_us, others_us
from waiting import Place, cpu_seconds, gateway, running

from app.audit.period import Period
from app.audit.prompt_words import key_mark, team_mark
from app.audit.report_repository import ReportRepository
from app.audit.roll_up_statements import SUMS_OF_JOBS
from app.audit.usage_report import UsageQuestion
from app.retention.digests import Digests
from app.retention.repository import RetentionRepository
from app.retention.statements import JOBS, JOBS_AT_ONCE, PAYLOADS, Kind
from app.retention.terms import Terms
from app.storage.embedded import embedded_services
from app.storage.embedded.cluster import SUPERUSER
from app.storage.migrate import migrate
from app.storage.postgres import Database

SMALL = 10_000
YEAR = timedelta(days=365)
CHUNK = 500_000
ROUNDS = 15
SUBMITS = 600
FILLED: Final = ("jobs", "job_inputs", "job_results", "job_events", "ledger", "prompt_words")

INPUTS = """
    INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
    SELECT id, p.prompt, '{"prompt":"' || p.prompt || '"}', '{}'
    FROM jobs CROSS JOIN LATERAL (
        SELECT CASE WHEN random() < 0.2 THEN 'cat' ELSE 'hut' END
            || ' w' || (20000 * power(random(), 4))::int || ' w' || (20000 * power(random(), 4))::int
            || ' w' || (20000 * power(random(), 4))::int
            || CASE WHEN random() < 0.000025 THEN ' zeppelin' ELSE '' END AS prompt
        WHERE jobs.id IS NOT NULL
    ) AS p
    WHERE id >= $1
"""
RESULTS = """
    INSERT INTO job_results (job_id, status_code, headers, body)
    SELECT id, 200, '{}', convert_to('{"images":[{"url":"https://v3.fal.media/files/' || id
        || '.png","width":1024,"height":1024,"content_type":"image/png"}],"seed":7}', 'UTF8')
    FROM jobs WHERE id >= $1 AND state = 'succeeded'
"""
EVENTS = """
    INSERT INTO job_events (job_id, at, from_state, to_state)
    SELECT id, created_at, before, after FROM jobs
    CROSS JOIN LATERAL (
        VALUES (1, NULL, 'submitting'), (2, 'submitting', 'queued'), (3, 'queued', state)
    ) AS moves (step, before, after)
    WHERE id >= $1 AND (step < 3 OR completed_at IS NOT NULL) ORDER BY id, step
"""
WORDS = """
    INSERT INTO prompt_words (job_id, words)
    SELECT id, array_to_tsvector(string_to_array(prompt, ' ') || ARRAY[$2::text, $3::jsonb ->> key_id::text,
        '=m' || model])
    FROM jobs JOIN job_inputs ON job_id = id WHERE id >= $1
"""
SUMS = f"""
    INSERT INTO usage_daily (team_id, day, key_id, model, end_user,
        jobs, succeeded, failed, images, cost_micros, saved_micros, unpriced)
    SELECT j.team_id, (j.created_at AT TIME ZONE 'UTC')::date, j.key_id, j.model, COALESCE(j.end_user, ''),
        {SUMS_OF_JOBS}
    FROM jobs j GROUP BY 1, 2, 3, 4, 5
"""
WATERMARKS = """
    INSERT INTO {table} (team_id, ledger_id) SELECT team_id, max(id) FROM ledger GROUP BY team_id
"""
OTHER_INDEXES = """
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
    FROM pg_index i WHERE i.indrelid = ANY($1::regclass[]) AND NOT i.indisprimary
"""
SIZE = "SELECT pg_database_size(current_database()) / 1000000000.0 AS gigabytes"

Figures = dict[str, tuple[float, float, float]]


@dataclass(frozen=True)
class Meter:
    """Times questions, and what they take of the processes behind them."""

    figures: Figures
    postmaster: int
    gateway: int | None = None

    def cpu_ms(self) -> float:
        """CPU time until now; a process of PostgreSQL that has ended is missing from then on."""
        pids = [self.postmaster, *([] if self.gateway is None else [self.gateway])]
        mine = time.process_time() * 1000 + others_us(self.postmaster, 0) / 1000
        return (
            mine
            + sum(cpu_us(int(task.name)) for pid in pids for task in Path(f"/proc/{pid}/task").iterdir())
            / 1000
        )

    async def timed(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        """The median and the slowest of several, after one that makes the plan."""
        await ask()
        times, spent = [], []
        for _ in range(ROUNDS):
            started, cpu = perf_counter(), self.cpu_ms()
            await ask()
            times.append((perf_counter() - started) * 1000)
            spent.append(self.cpu_ms() - cpu)
        self.figures[name] = statistics.median(times), max(times), statistics.median(spent)


async def fill(url: str, jobs: int) -> None:
    """A year that ends now, of one team; as the superuser, who may leave out checks meanwhile."""
    superuser = make_url(url).set(username=SUPERUSER).render_as_string(hide_password=False)
    database = await Database.connect(superuser, pool_size=1, timeout_seconds=3600)
    execute = database.execute
    bench = reports.Bench(database, jobs)
    for setting in ("max_wal_size = '8GB'", "checkpoint_timeout = '30min'"):
        await execute(f"ALTER SYSTEM SET {setting}")
    await execute("SELECT pg_reload_conf()")
    await execute("SET session_replication_role = replica")
    await execute("SET maintenance_work_mem = '1GB'")
    await bench.open_team()
    indexes = await execute(OTHER_INDEXES, list(FILLED))
    for index in indexes:
        await execute(f"DROP INDEX {index['name']}")
    await fill_tables(bench, datetime.now(UTC) - YEAR, YEAR / jobs)
    for index in indexes:
        started = perf_counter()
        await execute(index["definition"])
        print(f"    {index['name']}: {perf_counter() - started:.0f} s", flush=True)
    await execute(reports.WORK)
    # Coarser sums are made of these by triggers.
    await execute("SET session_replication_role = origin")
    await execute(SUMS)
    for table in ("usage_watermarks", "prompt_watermarks"):
        await execute(WATERMARKS.format(table=table))
    await execute("VACUUM (FREEZE, ANALYZE)")
    await execute("ALTER SYSTEM RESET ALL")
    await execute("SELECT pg_reload_conf()")
    await database.close()


async def fill_tables(bench: reports.Bench, starts_at: datetime, step: timedelta) -> None:
    """Half a million jobs at a time."""
    marks = {str(key): key_mark(key) for key in bench.keys}
    for first in range(0, bench.jobs, CHUNK):
        started = perf_counter()
        end = min(first + CHUNK, bench.jobs)
        values = (bench.team_id, bench.keys, reports.MODELS, starts_at, step, first, end, bench.jobs)
        await bench.database.execute(reports.JOBS, *values)
        from_id = UUID(int=int((starts_at + first * step).timestamp() * 1000) << 80)
        for statement in (INPUTS, RESULTS, EVENTS, reports.LEDGER):
            await bench.database.execute(statement, from_id)
        words = (team_mark(bench.team_id), orjson.dumps(marks).decode())
        await bench.database.execute(WORDS, from_id, *words)
        print(f"    {end:,d} jobs, the last {end - first:,d} in {perf_counter() - started:.0f} s", flush=True)


async def measure_reports(url: str, meter: Meter) -> None:
    """The use cases behind reports and lists."""
    database = await Database.connect(url, pool_size=1, timeout_seconds=600)
    bench = reports.Bench(database, 0)
    [team] = await database.execute("SELECT id FROM teams WHERE name = 'studio'")
    keys = await database.execute("SELECT id FROM api_keys ORDER BY name")
    bench.team_id, bench.keys = team["id"], [row["id"] for row in keys]
    bench.reports = ReportRepository(database, grace_seconds=3600)
    year = Period(reports.STARTS_AT + reports.MONTH - YEAR, reports.STARTS_AT + reports.MONTH)
    for group in ("day", "model", "key", "end_user"):
        question = UsageQuestion(year, (group,), bench.team_id)
        await meter.timed(f"report, a year by {group}", partial(bench.report, question))
    for name, question in reports.questions(bench.team_id):
        await meter.timed(f"report, {name}", partial(bench.report, question))
    for name, ask in reports.pages(bench):
        await meter.timed(f"list, {name}", ask)
    await database.close()


async def measure_pages(address: str, key: str, meter: Meter) -> None:
    """Every page of the console over HTTP."""
    for who, secret in (("admin", console.ADMIN_KEY), ("team", key)):
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
            await asyncio.to_thread(client.post, "/console/sign-in", data={"key": secret})
            for name, path in console.pages(client, is_admin=who == "admin"):
                await meter.timed(f"page, {name}, {who}", partial(asyncio.to_thread, client.get, path))


async def measure_jobs(place: Place, key: str, pid: int, figures: Figures) -> None:
    """Submits one after another, and what whole jobs cost, claims and ends among it."""
    await in_flight.submit(key, SUBMITS // 4, port=console.PORT)
    await drained(place)
    times: list[float] = []
    cpu = cpu_seconds(pid), sum(in_flight.cpu_of_all(in_flight.postgresql_pids(place)))
    for _ in range(SUBMITS // 40):
        started = perf_counter()
        await in_flight.submit(key, 1, port=console.PORT)
        times.append((perf_counter() - started) * 1000)
    figures["submit, one alone"] = statistics.median(times), max(times), 0.0
    started = perf_counter()
    await in_flight.submit(key, SUBMITS, port=console.PORT)
    figures[f"submit, {SUBMITS}, {in_flight.AT_ONCE} at once, ms each"] = (
        (perf_counter() - started) * 1000 / SUBMITS,
    ) * 3
    await drained(place)
    done = SUBMITS + SUBMITS // 40
    theirs = sum(in_flight.cpu_of_all(in_flight.postgresql_pids(place))) - cpu[1]
    figures["a job whole, CPU ms of the gateway"] = ((cpu_seconds(pid) - cpu[0]) * 1000 / done,) * 3
    figures["a job whole, CPU ms of PostgreSQL"] = (theirs * 1000 / done,) * 3
    connection = await asyncpg.connect(place.database_url)
    times = [(await in_flight.claim_cost(connection))[0] for _ in range(ROUNDS)]
    await connection.close()
    figures["claim, nothing due"] = statistics.median(times), max(times), 0.0


async def drained(place: Place) -> None:
    """Until nothing is owed but what was put into the tables."""
    connection = await asyncpg.connect(place.database_url)
    statement = "SELECT count(*) FROM work WHERE due_at < now() + interval '1 day' AND kind = 'follow'"
    until = time.monotonic() + 120
    while await connection.fetchval(statement):
        assert time.monotonic() < until, "the jobs did not end"
        await asyncio.sleep(0.5)
    await connection.close()


async def measure_purge(url: str, meter: Meter) -> None:
    """Steps of the purge: payloads, then whole jobs. Last, because they are gone then."""
    database = await Database.connect(url, pool_size=1, timeout_seconds=600)
    terms = Terms(grace_seconds=3600, payload_days=180, job_days=180, delivery_days=30)
    repository = RetentionRepository(database, terms, Digests(b"bench"))
    for name, kind in (("payloads", PAYLOADS), ("jobs", JOBS)):
        await meter.timed(f"purge, who has something due: {name}", partial(repository.due, kind))
        await meter.timed(f"purge, a step of {JOBS_AT_ONCE}: {name}", partial(step, repository, kind))
    await meter.timed("purge, digests", repository.purge_digests)
    await meter.timed("purge, webhooks", repository.purge_deliveries)
    await database.close()


async def step(repository: RetentionRepository, kind: Kind) -> None:
    [due] = [found for found in await repository.due(kind) if found.team == "studio"]
    gone = (await repository.step(kind, due)).gone
    assert gone > 0


async def measure(directory: Path, jobs: int) -> Figures:
    """Fills a directory that is not filled, and asks everything."""
    figures: Figures = {}
    with embedded_services(directory, postgres=True, redis=True) as addresses:
        assert addresses.database_url is not None
        url = addresses.database_url
        await migrate(url)
        if not (directory / "filled").exists():
            started = perf_counter()
            await fill(url, jobs)
            print(f"  {jobs:,d} jobs filled in {perf_counter() - started:.0f} s", flush=True)
            (directory / "filled").touch()
        database = await Database.connect(url, pool_size=1, timeout_seconds=600)
        [size] = await database.execute(SIZE)
        await database.close()
        figures["GB"] = (float(size["gigabytes"]),) * 3
        meter = Meter(figures, postmaster_in(directory))
        await measure_reports(url, meter)
        await asyncio.to_thread(measure_gateway, directory, url, addresses.redis_url or "", meter)
        await measure_purge(url, meter)
    return figures


def postmaster_in(directory: Path) -> int:
    return int(next(directory.rglob("postmaster.pid")).read_text().split()[0])


def measure_gateway(directory: Path, url: str, redis_url: str, meter: Meter) -> None:
    """Pages, then jobs, at a gateway with its worker."""
    key = asyncio.run(console.make_key(url))
    settings = {
        "FLUXGATE_DATABASE_URL": url,
        "FLUXGATE_REDIS_URL": redis_url,
        "FLUXGATE_ADMIN_KEY": console.ADMIN_KEY,
        "FLUXGATE_KEY_PEPPER": console.PEPPER,
        "FLUXGATE_UPSTREAM_URL": f"http://127.0.0.1:{in_flight.UPSTREAM_PORT}",
        "FLUXGATE_UPSTREAM_KEY": "bench",
        "FLUXGATE_UPSTREAM_PROFILE": "fal",
    }
    place = Place(directory, settings, url.replace("+asyncpg", ""))
    with (
        running(place, *in_flight.upstream_command(1.0, 0.1)),
        gateway(place, console.PORT) as (address, pid),
    ):
        asyncio.run(measure_pages(address, key, replace(meter, gateway=pid)))
        asyncio.run(measure_jobs(place, key, pid, meter.figures))


def tell(small: Figures, large: Figures, jobs: int) -> None:
    print(f"\n  {'median, most of ' + str(ROUNDS) + ', CPU: ms':<52} {SMALL:>26,d} {jobs:>28,d}")
    for name, found in large.items():
        before = small.get(name, (0.0, 0.0, 0.0))
        mark = "  more" if found[2] > 2 * before[2] + 2 else ""
        columns = [f"{one:8.1f} {most:8.1f} {cpu:8.1f}" for one, most, cpu in (before, found)]
        print(f"  {name:<52} {columns[0]}  {columns[1]}{mark}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    place = (
        nullcontext(arguments.keep)
        if arguments.keep
        else tempfile.TemporaryDirectory(prefix="fluxgate-bench-")
    )
    with place as kept:
        figures = {}
        for jobs in (SMALL, arguments.jobs):
            directory = Path(kept) / str(jobs)
            if jobs == SMALL:
                # The purge has taken most of what was there.
                shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True, exist_ok=True)
            figures[jobs] = asyncio.run(measure(directory, jobs))
    tell(figures[SMALL], figures[arguments.jobs], arguments.jobs)


if __name__ == "__main__":
    main()
