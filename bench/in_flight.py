"""What it costs to have many jobs under way: memory, CPU while they wait, how late their ends are seen.

Starts stores, an upstream whose jobs take time (`bench/timed_upstream.py`) and as many gateways as are asked
for. Jobs are submitted as callers do, or with `--fill` put into the tables as if other processes had just
submitted them; then nobody asks for anything. The end of a job is in its name, so the lag is the database's
`completed_at` less that, on the one clock of this machine. What a claim costs is asked every few seconds: the
gateway's own statement is explained, and taken back.
`python bench/in_flight.py --jobs 100000 --workers 2 --fill --seconds 900` is the long form.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import orjson
from waiting import FLUXGATE, UPSTREAM_KEY, Place, cpu_seconds, gateway, peak_megabytes, running

from app.jobs.statements import CLAIM_DUE
from app.storage.embedded import embedded_services
from app.upstream.transport import Transport

MODEL = "fal-ai/flux-1/dev"
# Two of these beside each other want `BENCH_PORT`.
UPSTREAM_PORT = int(os.environ.get("BENCH_PORT", "18450"))
GATEWAY_PORT = UPSTREAM_PORT + 1
STARTS_SECONDS = 1.0
PROBE_SECONDS = 3.0
CHUNK = 10_000
AT_ONCE = 64
LIMIT_BYTES = 1_000_000

FILL = """
    WITH made AS (
        SELECT n, extract(epoch FROM now()) AS begins_at,
            extract(epoch FROM now()) + $4::float8 * (1 + $5::float8 * (2 * random() - 1)) AS ends_at,
            (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7'
                || lpad(to_hex(n % 4096), 3, '0') || '8' || substr(md5(random()::text), 1, 15))::uuid AS id
        FROM generate_series(1, $3::int) n
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, upstream_id, created_at, submitted_at, cache,
            price_version, price_basis, price_micros, reserved_micros, images_asked)
        SELECT id, $1, $2, $6, 'queued',
            format('job-%s-%s-%s', round(begins_at::numeric, 3), round(ends_at::numeric, 3), n),
            now(), now(), 'MISS', 1, 'megapixel', 25000, 26214, 1
        FROM made
    ), asked AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, 'a lighthouse', '{"prompt":"a lighthouse"}', '{}' FROM made
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
        SELECT $1, id, 'reserve', 26214, 0, now() FROM made
    ), held AS (
        UPDATE allowances
        SET in_flight = in_flight + $3, reserved_micros = reserved_micros + $3::bigint * 26214
        WHERE scope_id IN ($1, $2)
    )
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'follow', id, now() + interval '400 ms', 0, 1, false FROM made
"""
ENDS = """
    SELECT count(*) AS ended, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
        percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP (ORDER BY lag) AS lags,
        avg((lag <= greatest(1.5, 0.15 * taken))::int)::float8 AS in_time,
        avg((lag <= greatest(1.5, 0.25 * taken))::int)::float8 AS in_a_quarter
    FROM (
        SELECT state, ended_at - begun_at AS taken, extract(epoch FROM completed_at)::float8 - ended_at AS lag
        FROM (
            SELECT *, split_part(upstream_id, '-', 2)::float8 AS begun_at,
                split_part(upstream_id, '-', 3)::float8 AS ended_at
            FROM jobs WHERE completed_at IS NOT NULL
        ) AS named
    ) AS ended
"""
STANDING = """
    SELECT (SELECT count(*) FROM work WHERE kind = 'follow') AS open,
        COALESCE((SELECT max(extract(epoch FROM now() - due_at)) FROM work WHERE kind = 'follow'), 0)::float8
            AS overdue_seconds,
        n_dead_tup AS dead, pg_indexes_size(relid) / 1000 AS index_kb,
        pg_relation_size(relid) / 1000 AS table_kb
    FROM pg_stat_user_tables WHERE relname = 'work'
"""


@dataclass
class Sample:
    """How everything stood at one moment; CPU is seconds since the start."""

    at: float
    open: int
    overdue_seconds: float
    dead: int
    index_kb: int
    table_kb: int
    megabytes: list[float]
    gateway_cpu: float
    postgresql_cpu: float
    claim_ms: float
    claim_pages: int


@dataclass
class Watch:
    """Samples of one run."""

    place: Place
    pids: Sequence[int]
    with_snapshot: bool
    samples: list[Sample] = field(default_factory=list)

    async def run(self, until_open: int) -> None:
        """Takes samples until so few jobs are open."""
        connection = await asyncpg.connect(self.place.database_url)
        holder = await asyncpg.connect(self.place.database_url)
        if self.with_snapshot:
            # As a backup does: nothing that is replaced from now on may be cleaned away.
            await holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM work")
        while not self.samples or self.samples[-1].open > until_open:
            self.samples.append(await self._sample(connection))
            tell(self.samples[-1])
            await asyncio.sleep(PROBE_SECONDS)
        await connection.close()
        await holder.close()

    async def _sample(self, connection: asyncpg.Connection) -> Sample:
        row = dict(await connection.fetchrow(STANDING))
        milliseconds, pages = await claim_cost(connection)
        return Sample(
            at=time.monotonic(),
            **row,
            megabytes=[megabytes(pid) for pid in self.pids],
            gateway_cpu=sum(cpu_seconds(pid) for pid in self.pids),
            postgresql_cpu=sum(cpu_of_all(postgresql_pids(self.place))),
            claim_ms=milliseconds,
            claim_pages=pages,
        )


async def claim_cost(connection: asyncpg.Connection) -> tuple[float, int]:
    """What a claim of what is due takes now, in milliseconds and in pages that it reads."""
    transaction = connection.transaction()
    await transaction.start()
    explain = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)" + CLAIM_DUE
    [(plan,)] = await connection.fetch(explain, 20.0, 128, 5.0, 0.0)
    await transaction.rollback()
    top = orjson.loads(plan)[0]
    return top["Execution Time"], top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"]


def tell(sample: Sample) -> None:
    print(
        f"  {time.strftime('%H:%M:%S')} open {sample.open:>7,d}  overdue {sample.overdue_seconds:6.1f} s"
        f"  dead {sample.dead:>7,d}  work {sample.table_kb:,d}+{sample.index_kb:,d} kB"
        f"  claim {sample.claim_ms:6.1f} ms {sample.claim_pages:>6,d} pages"
        f"  MB {'/'.join(f'{found:.0f}' for found in sample.megabytes)}",
        flush=True,
    )


def megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))


def postgresql_pids(place: Place) -> Iterator[int]:
    """The postmaster and its children, those of them that are still there."""
    pid = int(next(place.directory.rglob("postmaster.pid")).read_text().split()[0])
    yield pid
    yield from map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


def cpu_of_all(pids: Iterator[int]) -> Iterator[float]:
    for pid in pids:
        with suppress(FileNotFoundError):
            yield cpu_seconds(pid)


@contextmanager
def everything(directory: Path, *, seconds: float | str, spread: float) -> Iterator[Place]:
    """Stores and an upstream; a gateway is started with the settings that this gives."""
    with embedded_services(directory, postgres=True, redis=True) as addresses:
        assert addresses.database_url is not None
        settings = {
            "FLUXGATE_DATABASE_URL": addresses.database_url,
            "FLUXGATE_REDIS_URL": addresses.redis_url or "",
            "FLUXGATE_UPSTREAM_URL": f"http://127.0.0.1:{UPSTREAM_PORT}",
            "FLUXGATE_UPSTREAM_KEY": UPSTREAM_KEY,
            "FLUXGATE_UPSTREAM_PROFILE": "fal",
            "FLUXGATE_KEY_PEPPER": "pepper-of-the-bench",
            "FLUXGATE_LOG_LEVEL": "warning",
        }
        place = Place(directory, settings, addresses.database_url.replace("+asyncpg", ""))
        with running(place, *upstream_command(seconds, spread)) as upstream:
            time.sleep(STARTS_SECONDS)
            assert upstream.poll() is None, f"is port {UPSTREAM_PORT} in use?"
            yield place


def upstream_command(seconds: float | str, spread: float) -> tuple[str, ...]:
    """Starts the upstream."""
    stub = str(Path(__file__).with_name("timed_upstream.py"))
    return sys.executable, stub, str(UPSTREAM_PORT), str(seconds), str(spread)


def command(place: Place, *words: str) -> bytes:
    environment = {**os.environ, **place.settings}
    done = subprocess.run(
        [FLUXGATE, *words], cwd=place.directory, env=environment, check=True, capture_output=True
    )
    return done.stdout


def make_key(place: Place) -> str:
    command(place, "migrate")
    command(place, "teams", "create", "bench")
    made = command(place, "keys", "create", "--team", "bench", "--name", "bench", "--json")
    return str(orjson.loads(made)["key"])


async def submit(key: str, number: int, port: int = GATEWAY_PORT) -> None:
    """Submits so many jobs, some at once."""
    transport = Transport.connect(connections=AT_ONCE, connect_seconds=10, total_seconds=60)
    numbers = iter(range(number))
    headers = {"authorization": f"Key {key}", "content-type": "application/json"}

    async def one_after_another() -> None:
        for chosen in numbers:
            answer = await transport.exchange(
                "POST",
                f"http://127.0.0.1:{port}/{MODEL}",
                headers=headers,
                body=orjson.dumps({"prompt": f"a lighthouse, {uuid.uuid4()}", "seed": chosen}),
                limit_bytes=LIMIT_BYTES,
            )
            assert answer.status_code == 200, answer.body

    await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
    await transport.close()


async def fill(place: Place, jobs: int, seconds: float, spread: float) -> None:
    """Puts jobs into the tables as if they had just been submitted."""
    connection = await asyncpg.connect(place.database_url)
    key = await connection.fetchrow("SELECT team_id, id FROM api_keys")
    for done in range(0, jobs, CHUNK):
        await connection.execute(FILL, *key, min(CHUNK, jobs - done), seconds, spread, MODEL)
    await connection.execute("ANALYZE jobs")
    await connection.close()


async def counts() -> dict[str, int]:
    """How many requests of each kind the upstream has had."""
    return {kind: sum(by_tenth.values()) for kind, by_tenth in (await counts_by_tenth()).items()}


async def counts_by_tenth() -> dict[str, dict[str, int]]:
    """The same by tenths of a second since 1970."""
    transport = Transport.connect(connections=1, connect_seconds=10, total_seconds=60)
    url = f"http://127.0.0.1:{UPSTREAM_PORT}/_stub/counts"
    answer = await transport.exchange("GET", url, headers={}, body=b"", limit_bytes=LIMIT_BYTES)
    await transport.close()
    found: dict[str, dict[str, int]] = orjson.loads(answer.body)
    return found


async def measure(place: Place, key: str, pids: Sequence[int], arguments: argparse.Namespace) -> None:
    """One run, and what it showed."""
    watch = Watch(place, pids, arguments.snapshot)
    started = time.monotonic()
    if not arguments.fill:
        await submit(key, arguments.jobs)
    in_flight_at = time.monotonic()
    asked_before = await counts()
    await watch.run(until_open=0)
    asked = await counts()
    print(f"\n  {arguments.jobs:,d} jobs in flight after {in_flight_at - started:.1f} s")
    report_use(watch.samples, arguments.jobs)
    print(f"  peak MB: {', '.join(f'{peak_megabytes(pid):.0f}' for pid in pids)}")
    polls = {kind: round(asked[kind] / arguments.jobs, 2) for kind in ("submit", "status", "result")}
    print(f"  upstream requests a job: {polls}; of them before all were in: {sum(asked_before.values()):,d}")
    connection = await asyncpg.connect(place.database_url)
    row = await connection.fetchrow(ENDS)
    await connection.close()
    p50, p95, p99, most = row["lags"]
    print(f"  {row['succeeded']:,d} of {row['ended']:,d} ended well")
    print(f"  lag s: p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}, most {most:.2f}")
    print(
        f"  found within 1.5 s or 15 % of the run time: {row['in_time']:.1%}; "
        f"a quarter of it: {row['in_a_quarter']:.1%}"
    )


def report_use(samples: Sequence[Sample], jobs: int) -> None:
    """CPU while all wait and while they end, and claims at first and at last."""
    waiting = [sample for sample in samples if sample.open >= jobs]
    ending = [sample for sample in samples if sample.open < jobs]
    for name, some in (("waiting", waiting), ("ending", ending)):
        if len(some) > 1:
            seconds = some[-1].at - some[0].at
            ours = (some[-1].gateway_cpu - some[0].gateway_cpu) / seconds
            theirs = (some[-1].postgresql_cpu - some[0].postgresql_cpu) / seconds
            steady = max(max(sample.megabytes) for sample in some)
            print(
                f"  {name} for {seconds:.0f} s: gateway {ours:.0%} of a core, PostgreSQL {theirs:.0%}, "
                f"{steady:.0f} MB, overdue at most {max(sample.overdue_seconds for sample in some):.1f} s"
            )
    third = max(len(samples) // 3, 2)
    for name, part in (("first third", samples[:third]), ("last third", samples[-third:])):
        cuts = statistics.quantiles([sample.claim_ms for sample in part], n=100)
        pages = statistics.median(sample.claim_pages for sample in part)
        dead = max(sample.dead for sample in part)
        claims = f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, {pages:,.0f} pages"
        print(f"  claims, {name}: {claims}; {dead:,d} dead rows")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=40.0, help="how long a job takes")
    parser.add_argument("--spread", type=float, default=0.1, help="give or take this share of it")
    parser.add_argument("--workers", type=int, default=1, help="gateways, each with its worker")
    parser.add_argument("--snapshot", action="store_true", help="beside a transaction as long as the run")
    parser.add_argument("--fill", action="store_true", help="put the jobs into the tables")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fluxgate-bench-")))
        place = stack.enter_context(everything(directory, seconds=arguments.seconds, spread=arguments.spread))
        key = make_key(place)
        if arguments.fill:
            asyncio.run(fill(place, arguments.jobs, arguments.seconds, arguments.spread))
        ports = range(GATEWAY_PORT, GATEWAY_PORT + arguments.workers)
        pids = [stack.enter_context(gateway(place, port))[1] for port in ports]
        asyncio.run(measure(place, key, pids, arguments))


if __name__ == "__main__":
    main()
