"""How soon the ends of jobs of seconds are found by polling alone, and how often the upstream is asked.

Six models, whose jobs take 1, 2, 3, 5, 7 and 10 seconds, give or take a share. The gateway learns from a few
of each; then some come each second, in no order, and nobody asks for them. The lag is measured as in
`bench/in_flight.py`, and requests are counted by the upstream.
"""

import argparse
import asyncio
import random
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import orjson
from in_flight import GATEWAY_PORT, LIMIT_BYTES, counts, everything, make_key
from waiting import Place, cpu_seconds, gateway

from app.upstream.transport import Transport

SECONDS = "1,2,3,5,7,10"
MODELS = (
    "fal-ai/flux-1/dev",
    "fal-ai/flux-1/schnell",
    "fal-ai/flux/dev",
    "fal-ai/flux/schnell",
    "fal-ai/flux-lora",
    "fal-ai/flux-pro/v1.1",
)
OPEN = "SELECT count(*) FROM work WHERE kind = 'follow'"
ENDS = """
    SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP (
        ORDER BY extract(epoch FROM completed_at)::float8 - split_part(upstream_id, '-', 3)::float8
    ) FROM jobs WHERE created_at >= to_timestamp($1) AND state = 'succeeded'
"""


class Caller:
    """Submits jobs at the gateway."""

    def __init__(self, key: str) -> None:
        self._transport = Transport.connect(connections=64, connect_seconds=10, total_seconds=60)
        self._headers = {"authorization": f"Key {key}", "content-type": "application/json"}

    async def submit(self, model: str) -> None:
        answer = await self._transport.exchange(
            "POST",
            f"http://127.0.0.1:{GATEWAY_PORT}/{model}",
            headers=self._headers,
            body=orjson.dumps({"prompt": f"a lighthouse, {uuid.uuid4()}"}),
            limit_bytes=LIMIT_BYTES,
        )
        assert answer.status_code == 200, answer.body

    async def submit_all(self, models: Sequence[str], per_second: float) -> None:
        """One after the other, by chance but so many in a second."""
        async with asyncio.TaskGroup() as group:
            for model in models:
                group.create_task(self.submit(model))
                await asyncio.sleep(random.expovariate(per_second))


async def until_all_ended(connection: asyncpg.Connection) -> None:
    while await connection.fetchval(OPEN):  # noqa: ASYNC110 # another process ends them
        await asyncio.sleep(0.5)


async def measure(place: Place, key: str, pid: int, arguments: argparse.Namespace) -> None:
    connection = await asyncpg.connect(place.database_url)
    caller = Caller(key)
    # One of each first, so that each model has its time in the order in which they stand here.
    for model in MODELS:
        await caller.submit(model)
    await caller.submit_all(MODELS * (arguments.learn - 1), arguments.rate)
    await until_all_ended(connection)
    asked_before, cpu_before, began_at = await counts(), cpu_seconds(pid), time.time()
    models = [MODELS[number % len(MODELS)] for number in range(arguments.jobs)]
    random.shuffle(models)
    await caller.submit_all(models, arguments.rate)
    await until_all_ended(connection)
    asked = {
        kind: (number - asked_before[kind]) / arguments.jobs for kind, number in (await counts()).items()
    }
    p50, p95, p99, most = await connection.fetchval(ENDS, began_at)
    await connection.close()
    print(f"  found after s: p50 {p50:.2f}, p95 {p95:.2f}, p99 {p99:.2f}, most {most:.2f}")
    print(
        f"  upstream requests a job: {sum(asked.values()):.2f}, of which to its status {asked['status']:.2f}"
    )
    print(f"  CPU of the gateway a job: {(cpu_seconds(pid) - cpu_before) / arguments.jobs * 1000:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--learn", type=int, default=6, help="jobs of each model from which it learns first")
    parser.add_argument("--rate", type=float, default=10.0, help="jobs a second")
    parser.add_argument("--spread", type=float, default=0.2, help="give or take this share of their time")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fluxgate-bench-") as directory,
        everything(Path(directory), seconds=SECONDS, spread=arguments.spread) as place,
    ):
        key = make_key(place)
        with gateway(place, GATEWAY_PORT) as (_, pid):
            asyncio.run(measure(place, key, pid, arguments))


if __name__ == "__main__":
    main()
