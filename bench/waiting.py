"""How soon those who wait hear that their job has ended, and what it costs to let thousands wait.

Starts stores, the simulator and gateways as users run them: one process that serves and works, and one that
serves alone. Opens streams of job statuses at the one or the other and measures the time from the database's
`completed_at` to the last event, on the one clock of this machine. With `--without-redis` the hints between
processes are missing and the timer has to do.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import orjson

from app.storage.embedded import embedded_services

FLUXGATE = str(Path(sys.executable).with_name("fluxgate"))
UPSTREAM_KEY = "bench"
READY_SECONDS = 120.0


@dataclass(frozen=True)
class Place:
    """Where everything is."""

    directory: Path
    settings: dict[str, str]
    database_url: str


@contextmanager
def running(place: Place, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (place.directory / f"{time.monotonic_ns()}.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=place.directory,
            env={**os.environ, **place.settings},
            stdout=subprocess.PIPE if "app.simulator" in command else log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def gateway(place: Place, port: int, *options: str) -> Iterator[tuple[str, int]]:
    address = f"http://127.0.0.1:{port}"
    with running(place, FLUXGATE, "serve", "--port", str(port), *options) as process:
        until = time.monotonic() + READY_SECONDS
        while not is_ready(address):
            assert time.monotonic() < until, "the gateway did not come up"
            time.sleep(0.1)
        yield address, process.pid


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


async def listen(address: str, key: str, job_id: str) -> tuple[float, float]:
    """Seconds since 1970 when the stream began, and when it said that the job has ended."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = f"/fal-ai/flux-1/requests/{job_id}/status/stream"
    writer.write(f"GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Key {key}\r\n\r\n".encode())
    await reader.readline()
    began_at = time.time()
    while line := await reader.readline():
        if b'"COMPLETED"' in line:
            heard_at = time.time()
            writer.close()
            return began_at, heard_at
    raise AssertionError("the stream ended early")


async def submit(client: httpx.AsyncClient, number: int, seconds: float) -> str:
    body = {"prompt": f"number {number} [slow {seconds:g}]"}
    answer = await client.post("/fal-ai/flux-1/dev", json=body)
    return str(answer.raise_for_status().json()["request_id"])


async def measure(
    place: Place, address: str, pid: int, key: str, *, jobs: int, listeners: int, seconds: float
) -> None:
    """Delays of all listeners at this address, with what its process used meanwhile."""
    async with httpx.AsyncClient(
        base_url=address, headers={"authorization": f"Key {key}"}, trust_env=False, timeout=60
    ) as client:
        job_ids = await asyncio.gather(*(submit(client, number, seconds) for number in range(jobs)))
    cpu_before = cpu_seconds(pid)
    waited = [job_ids[number % jobs] for number in range(listeners)]
    heard = await asyncio.gather(*(listen(address, key, job_id) for job_id in waited))
    cpu = cpu_seconds(pid) - cpu_before
    connection = await asyncpg.connect(place.database_url.replace("+asyncpg", ""))
    rows = await connection.fetch("SELECT id, completed_at FROM jobs WHERE id = ANY($1::uuid[])", job_ids)
    await connection.close()
    ended = {str(row["id"]): row["completed_at"].timestamp() for row in rows}
    delays = [
        (heard_at - ended[job_id]) * 1000
        for job_id, (began_at, heard_at) in zip(waited, heard, strict=True)
        if began_at < ended[job_id]
    ]
    assert len(delays) == listeners, "some listened too late; let the jobs take longer"
    cuts = statistics.quantiles(delays, n=100)
    print(
        f"  {jobs:>6,d} {listeners:>10,d} {cuts[49]:>8.1f} {cuts[94]:>8.1f} {max(delays):>8.1f} "
        f"{cpu:>8.2f} {peak_megabytes(pid):>8.0f}"
    )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def run(place: Place, arguments: argparse.Namespace) -> None:
    with gateway(place, 18431) as (near, near_pid), gateway(place, 18432, "--no-worker") as (far, far_pid):
        subprocess.run(
            [FLUXGATE, "teams", "create", "bench"],
            cwd=place.directory,
            env={**os.environ, **place.settings},
            check=True,
            capture_output=True,
        )
        made = subprocess.run(
            [FLUXGATE, "keys", "create", "--team", "bench", "--name", "bench", "--json"],
            cwd=place.directory,
            env={**os.environ, **place.settings},
            check=True,
            capture_output=True,
        )
        key = orjson.loads(made.stdout)["key"]
        head = "    jobs  listeners   p50 ms   p95 ms     most    CPU s  peak MB"
        for name, address, pid in (("the same process", near, near_pid), ("another process", far, far_pid)):
            print(f"{name}\n{head}")
            for jobs, listeners in ((50, 50), (50, 500), (500, arguments.listeners)):
                asyncio.run(
                    measure(
                        place, address, pid, key, jobs=jobs, listeners=listeners, seconds=arguments.seconds
                    )
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=25.0, help="how long a job takes")
    parser.add_argument("--without-redis", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as directory,
        embedded_services(Path(directory), postgres=True, redis=not arguments.without_redis) as addresses,
    ):
        assert addresses.database_url is not None
        place = Place(
            Path(directory), {"FLUXGATE_DATABASE_URL": addresses.database_url}, addresses.database_url
        )
        command = (sys.executable, "-m", "app.simulator", "--concurrency", "100000", "--key", UPSTREAM_KEY)
        with running(place, *command) as simulator:
            assert simulator.stdout is not None
            port = orjson.loads(simulator.stdout.readline())["port"]
            place.settings.update(
                FLUXGATE_REDIS_URL=addresses.redis_url or "redis://127.0.0.1:1",
                FLUXGATE_UPSTREAM_URL=f"http://127.0.0.1:{port}",
                FLUXGATE_UPSTREAM_KEY=UPSTREAM_KEY,
                FLUXGATE_UPSTREAM_PROFILE="fal",
                FLUXGATE_KEY_PEPPER="pepper-of-the-bench",
            )
            run(place, arguments)


if __name__ == "__main__":
    main()
