"""What PostgreSQL itself spends on each statement that a generation needs.

Starts a throw-away embedded PostgreSQL and takes jobs from their recording to their end through the
repository, on one connection as the gateway makes it, so many at once. The CPU time is that of the one server
process behind that connection, read from `/proc` before and after each statement; the gateway's own part is
not in the figures. Then comes what was written, and what the server's other processes took.
"""

import argparse
import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from app.billing.prices import Quote
from app.billing.settlement import Settlement
from app.jobs.job import Claims, Move, NewJob
from app.jobs.repository import JobRepository
from app.jobs.states import JobState
from app.storage.embedded import embedded_services
from app.storage.migrate import migrate
from app.storage.postgres import Database, Row
from app.upstream.answers import ModelAnswer

PROMPT = "Extreme close-up of a single tiger eye, direct frontal view. Detailed iris and pupil."
INPUT = b'{"prompt":"%s","image_size":"landscape_4_3","num_images":1,"seed":%d}'
ANSWER = ModelAnswer(
    200,
    {"content-type": "application/json", "x-fal-billable-units": "1"},
    b'{"images":[{"url":"http://127.0.0.1:9/files/1.jpeg","width":1024,"height":768,"content_type":"image/jpeg"}],'
    b'"timings":{"inference":1.5},"seed":42,"has_nsfw_concepts":[false],"prompt":"%s"}' % PROMPT.encode(),
)
OTHERS = """
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'follow', gen_random_uuid(), now() + interval '1 day', 0, 1, false FROM generate_series(1, $1::int)
"""
TABLES = """
    SELECT relname, n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del FROM pg_stat_user_tables
    WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY n_tup_ins + n_tup_upd + n_tup_del DESC
"""
WAL = "SELECT wal_records::int8, wal_fpi::int8, wal_bytes::int8 FROM pg_stat_wal"


class Meter:
    """The database as the repository sees it, with what each statement took at the other end."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.pid = 0
        self.label = ""
        self.spent: dict[str, list[float]] = defaultdict(list)

    async def execute(self, statement: str, *values: object) -> Sequence[Row]:
        """Runs one statement and notes the CPU time of the server process, in microseconds."""
        before = cpu_us(self.pid)
        rows = await self._database.execute(statement, *values)
        self.spent[self.label].append(cpu_us(self.pid) - before)
        return rows


def cpu_us(pid: int) -> float:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1000


def new_job(team_id: UUID, key_id: UUID, number: int) -> NewJob:
    digest = uuid4().bytes * 2
    return NewJob(
        id=uuid7(),
        team_id=team_id,
        key_id=key_id,
        token_id=None,
        model_id="fal-ai/flux-1/dev",
        prompt=PROMPT,
        upstream_input=INPUT % (PROMPT.encode(), number),
        upstream_headers={},
        end_user=None,
        cache="MISS",
        quote=Quote(1, "megapixel", 25_000, 19_661, 1),
        claims=Claims(team_id, None, digest, digest),
    )


def accepted(job: NewJob) -> Move:
    return Move(
        job_id=job.id,
        epoch=1,
        before=JobState.SUBMITTING,
        after=JobState.QUEUED,
        look_in_seconds=0.0,
        pull_in_seconds=0.0,
        upstream_id=str(uuid4()),
        queue_position=0,
    )


def ended(job: NewJob, epoch: int) -> Move:
    return Move(
        job_id=job.id,
        epoch=epoch,
        before=JobState.QUEUED,
        after=JobState.SUCCEEDED,
        metrics=b'{"inference_time":1.5}',
        answer=ANSWER,
        settlement=Settlement("charge", 19_661, 1),
    )


async def generations(meter: Meter, scopes: tuple[UUID, UUID], number: int, batch: int) -> None:
    repository = JobRepository(meter, lease_seconds=120)
    for first in range(0, number, batch):
        jobs = [new_job(*scopes, first + place) for place in range(batch)]
        meter.label = "find"
        await repository.find_earlier([job.claims for job in jobs])
        meter.label = "record"
        await repository.record(jobs)
        meter.label = "move"
        await repository.move([accepted(job) for job in jobs])
        meter.label = "claim"
        claimed = {job.job_id: job.epoch for job in await repository.claim_due(200)}
        meter.label = "end"
        assert all(await repository.move([ended(job, claimed[job.id]) for job in jobs]))


async def prepare(database: Database, under_way: int) -> tuple[UUID, UUID]:
    team_id, key_id = uuid7(), uuid7()
    await database.execute("INSERT INTO teams (id, name) VALUES ($1, 'bench')", team_id)
    await database.execute(
        "INSERT INTO api_keys (id, team_id, name, digest, hint) VALUES ($1, $2, 'bench', '\\x00', 'b')",
        key_id,
        team_id,
    )
    await database.execute(OTHERS, under_way)
    for scope_id, scope in ((team_id, "team"), (key_id, "key")):
        await database.execute("INSERT INTO allowances (scope_id, scope) VALUES ($1, $2)", scope_id, scope)
    return team_id, key_id


async def measure(url: str, asked: argparse.Namespace, postmaster: int) -> None:
    database = await Database.connect(url, pool_size=1, timeout_seconds=60)
    meter = Meter(database)
    scopes = await prepare(database, asked.under_way)
    number = asked.jobs
    [row] = await database.execute("SELECT pg_backend_pid() AS pid")
    meter.pid = row["pid"]
    print(f"server process {meter.pid}", flush=True)
    await generations(meter, scopes, 2000, 20)
    for batch in map(int, asked.batches.split(",")):
        meter.spent.clear()
        await generations(meter, scopes, 20 * batch, batch)
        meter.spent.clear()
        await database.execute("SELECT pg_stat_force_next_flush()")
        before = await written(database)
        beside = others_us(postmaster, meter.pid)
        await generations(meter, scopes, number, batch)
        beside = others_us(postmaster, meter.pid) - beside
        await database.execute("SELECT pg_stat_force_next_flush()")
        after = await written(database)
        show(meter.spent, batch, number)
        print(f"  other processes {beside / number:7.1f} a job")
        print(
            "  a job: "
            + ", ".join(
                f"{name} {(after[name] - before.get(name, 0)) / number:.2f}"
                for name in after
                if after[name] - before.get(name, 0)
            )
        )
    await database.close()


def others_us(postmaster: int, pid: int) -> float:
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return sum(cpu_us(int(child)) for child in children if int(child) != pid)


async def written(database: Database) -> dict[str, float]:
    [wal] = await database.execute(WAL)
    sums: dict[str, float] = dict(wal)
    for row in await database.execute(TABLES):
        name = row["relname"]
        sums |= {
            f"{name} inserted": row["n_tup_ins"],
            f"{name} updated": row["n_tup_upd"],
            f"{name} updated in place": row["n_tup_hot_upd"],
            f"{name} deleted": row["n_tup_del"],
        }
    return sums


def show(spent: dict[str, list[float]], batch: int, number: int) -> None:
    print(f"{batch} at once, {number} jobs: µs a statement (median), µs a job (mean)")
    for label, values in spent.items():
        print(f"  {label:8s} {statistics.median(values):8.0f} {sum(values) / number:8.1f}")
    print(f"  all      {'':8s} {sum(map(sum, spent.values())) / number:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", default="1,4,16")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--under-way", type=int, default=400, help="others that are not due (default 400)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        data = Path(directory)
        with embedded_services(data, postgres=True, redis=False) as services:
            assert services.database_url is not None
            url = services.database_url
            asyncio.run(migrate(url))
            postmaster = int((data / "postgres/cluster/postmaster.pid").read_text().split()[0])
            asyncio.run(measure(url, arguments, postmaster))


if __name__ == "__main__":
    main()
