"""Whether claims stay as cheap as they were: one database, an hour of jobs that come, are looked at and end.

Records so many jobs a second through the repository, as a gateway does in batches; each is claimed and put
off a few times, some seconds apart, and then ended. Every claim is the gateway's own, with its reach and its
limit. Told every few minutes: the CPU time of the server process for a claim, for a claimed job and, to
compare with, for one that is recorded; the pages that a claim reads (explained, and taken back); what `work`
has come to.
`python bench/claims.py --minutes 2 --every 30` is the short form.
"""

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import orjson
from statements import Meter, accepted, cpu_us, ended, new_job, others_us, prepare

from app.jobs.job import ClaimedJob, Move, NewJob
from app.jobs.repository import JobRepository
from app.jobs.schedule import Look
from app.jobs.statements import CLAIM_DUE
from app.storage.embedded import embedded_services
from app.storage.migrate import migrate
from app.storage.postgres import Database
from app.work.reach import Reach

TICK_SECONDS = 0.1
SLOTS = 128
LOOKS = 4
PROBE_SECONDS = 3.0
EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)" + CLAIM_DUE
STANDING = """
    SELECT n_live_tup AS live, n_dead_tup AS dead, autovacuum_count AS vacuums,
        pg_relation_size(relid) / 1000 AS table_kb, pg_indexes_size(relid) / 1000 AS index_kb
    FROM pg_stat_user_tables WHERE relname = 'work'
"""


class Churn:
    """Jobs of one team that come and go."""

    def __init__(self, meter: Meter, scopes: tuple[UUID, UUID], *, per_second: float, apart: float) -> None:
        self._meter = meter
        self._scopes = scopes
        self._per_second = per_second
        self._apart = apart
        self._repository = JobRepository(meter, lease_seconds=120)
        self._reach = Reach()
        self._open: dict[UUID, tuple[NewJob, int]] = {}
        self._owed = 0.0
        self.recorded = self.ended = self.claims = self.claimed = 0

    async def tick(self, seconds: float) -> None:
        """What a gateway does in so much time."""
        self._owed += seconds * self._per_second
        new = [new_job(*self._scopes, self.recorded + place) for place in range(int(self._owed))]
        self._owed -= len(new)
        if new:
            self._meter.label = "record"
            await self._repository.record(new)
            self._meter.label = "move"
            await self._repository.move([self._taken(job) for job in new])
            self.recorded += len(new)
        while await self._claim() >= SLOTS:
            pass

    def _taken(self, job: NewJob) -> Move:
        self._open[job.id] = job, LOOKS
        move = accepted(job)
        seconds = self._in_seconds()
        return Move(
            job_id=job.id,
            epoch=1,
            before=move.before,
            after=move.after,
            look_in_seconds=seconds,
            pull_in_seconds=seconds / 2,
            upstream_id=move.upstream_id,
            queue_position=0,
        )

    async def _claim(self) -> int:
        self._meter.label = "claim"
        started = time.monotonic()
        back = self._reach.back_seconds(started)
        claimed = await self._repository.claim_due(SLOTS, back_seconds=back)
        is_full = len(claimed) >= SLOTS
        self._reach.claimed(started, min(job.lag_seconds for job in claimed) if is_full else 0.0)
        self.claims += 1
        self.claimed += len(claimed)
        await self._look(claimed)
        return len(claimed)

    async def _look(self, claimed: Sequence[ClaimedJob]) -> None:
        stays, ends = [], []
        for job in claimed:
            new, looks = self._open.pop(job.job_id)
            if looks > 1:
                self._open[job.job_id] = new, looks - 1
                seconds = self._in_seconds()
                stays.append(Move.stay(job, look=Look(seconds, seconds / 2)))
            else:
                ends.append(ended(new, job.epoch))
        for label, moves in (("stay", stays), ("end", ends)):
            if moves:
                self._meter.label = label
                assert all(await self._repository.move(moves))
        self.ended += len(ends)

    def _in_seconds(self) -> float:
        return self._apart * random.uniform(0.5, 1.5)


async def explained(connection: asyncpg.Connection) -> tuple[int, int]:
    """How many pages a claim reads now, and how many jobs it would take."""
    transaction = connection.transaction()
    await transaction.start()
    [(plan,)] = await connection.fetch(EXPLAIN, 20.0, SLOTS, 5.0, 0.0)
    await transaction.rollback()
    top = orjson.loads(plan)[0]["Plan"]
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"], top["Actual Rows"]


async def run(url: str, postmaster: int, arguments: argparse.Namespace) -> None:
    database = await Database.connect(url, pool_size=1, timeout_seconds=60)
    beside = await asyncpg.connect(url.replace("+asyncpg", ""))
    meter = Meter(database)
    churn = Churn(
        meter, await prepare(database, 0), per_second=arguments.per_second, apart=arguments.apart_seconds
    )
    print(
        f"  {'UTC':<9}{'recorded':>10}{'ended':>10}{'open':>8}{'claims':>8}{'jobs':>9}"
        f"{'µs/claim':>10}{'µs/job':>8}{'record':>8}{'pages':>7}{'pages/job':>10}{'dead':>8}"
        f"{'vacuums':>8}{'work kB':>16}{'cores':>7}",
        flush=True,
    )
    ends_at = time.monotonic() + arguments.minutes * 60
    while time.monotonic() < ends_at:
        await tell_of_a_while(churn, meter, beside, postmaster, arguments.every)
    await beside.close()
    await database.close()


async def tell_of_a_while(
    churn: Churn, meter: Meter, beside: asyncpg.Connection, postmaster: int, seconds: float
) -> None:
    """Lets jobs come and go for so long, and prints a line about it."""
    [row] = await meter.execute("SELECT pg_backend_pid() AS pid") if meter.pid else [{"pid": 0}]
    meter.pid = row["pid"] or await pid_of(meter)
    meter.spent.clear()
    claims, claimed, recorded = churn.claims, churn.claimed, churn.recorded
    started, cpu = time.monotonic(), busy_seconds(postmaster)
    probes, probe_at, ticked_at = [], started, started
    while time.monotonic() < started + seconds:
        now = time.monotonic()
        await churn.tick(now - ticked_at)
        ticked_at = now
        if now >= probe_at:
            probes.append(await explained(beside))
            probe_at = now + PROBE_SECONDS
        await asyncio.sleep(max(now + TICK_SECONDS - time.monotonic(), 0.0))
    cores = (busy_seconds(postmaster) - cpu) / (time.monotonic() - started)
    standing = await beside.fetchrow(STANDING)
    claims, claimed, recorded = churn.claims - claims, churn.claimed - claimed, churn.recorded - recorded
    spent, record = sum(meter.spent["claim"]), sum(meter.spent["record"])
    pages, jobs = sum(pages for pages, _ in probes), sum(jobs for _, jobs in probes)
    a_claim = statistics.median(pages for pages, _ in probes)
    print(
        f"  {time.strftime('%H:%M:%S', time.gmtime()):<9}{churn.recorded:>10,d}{churn.ended:>10,d}"
        f"{churn.recorded - churn.ended:>8,d}{claims:>8,d}{claimed:>9,d}{spent / claims:>10.0f}"
        f"{spent / max(claimed, 1):>8.1f}{record / max(recorded, 1):>8.1f}{a_claim:>7.0f}"
        f"{pages / max(jobs, 1):>10.1f}{standing['dead']:>8,d}{standing['vacuums']:>8d}"
        f"{standing['table_kb']:>8,d}+{standing['index_kb']:<7,d}{cores:>7.2f}",
        flush=True,
    )


async def pid_of(meter: Meter) -> int:
    """The server process behind the meter's one connection."""
    meter.pid = os.getpid()
    [row] = await meter.execute("SELECT pg_backend_pid() AS pid")
    return int(row["pid"])


def busy_seconds(postmaster: int) -> float:
    """CPU time of this process and of all of PostgreSQL."""
    return time.process_time() + others_us(postmaster, 0) / 1_000_000 + cpu_us(postmaster) / 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=300, help="seconds between two lines")
    parser.add_argument("--per-second", type=float, default=120, help="jobs that are recorded")
    parser.add_argument("--apart-seconds", type=float, default=10, help="between two looks at a job")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as directory,
        embedded_services(Path(directory), postgres=True, redis=False) as addresses,
    ):
        url = addresses.database_url
        assert url is not None
        asyncio.run(migrate(url))
        postmaster = int(next(Path(directory).rglob("postmaster.pid")).read_text().split()[0])
        asyncio.run(run(url, postmaster, arguments))


if __name__ == "__main__":
    main()
