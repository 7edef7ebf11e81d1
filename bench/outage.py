"""What an upstream meets when it comes back after an outage: how much it is asked, how soon all is told.

Puts jobs in flight at a gateway, makes the upstream unreachable for a while, submits some more meanwhile,
which are accepted and wait, and counts the upstream's requests by tenths of a second afterwards. Jobs end
before, during and after the outage; it is over when the gateway has told every end that was by then.
"""

import argparse
import asyncio
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
from in_flight import (
    GATEWAY_PORT,
    LIMIT_BYTES,
    UPSTREAM_PORT,
    counts_by_tenth,
    everything,
    fill,
    make_key,
    submit,
)
from timed_upstream import TENTHS
from waiting import Place, gateway

from app.upstream.transport import Transport

# What had ended upstream when it came back and is not known to have ended, and what was not even sent.
UNTOLD = """
    SELECT count(*) FILTER (WHERE upstream_id IS NOT NULL
            AND split_part(upstream_id, '-', 3)::float8 < $1) AS untold,
        count(*) FILTER (WHERE upstream_id IS NULL) AS unsent,
        count(*) AS open
    FROM work JOIN jobs ON id = job_id WHERE kind = 'follow'
"""
SETTLE_SECONDS = 20.0
LONGEST_SECONDS = 300.0


async def leave(seconds: float) -> None:
    """Makes the upstream unreachable for so long."""
    transport = Transport.connect(connections=1, connect_seconds=10, total_seconds=10)
    url = f"http://127.0.0.1:{UPSTREAM_PORT}/_stub/away?{seconds}"
    await transport.exchange("POST", url, headers={}, body=b"", limit_bytes=LIMIT_BYTES)
    await transport.close()


async def measure(place: Place, key: str, arguments: argparse.Namespace) -> None:
    connection = await asyncpg.connect(place.database_url)
    await asyncio.sleep(SETTLE_SECONDS)
    left_at = time.time()
    await leave(arguments.away)
    await submit(key, arguments.accepted)
    back_at = left_at + arguments.away
    await asyncio.sleep(max(back_at - time.time(), 0))
    print(f"  back: {dict(await connection.fetchrow(UNTOLD, back_at))}")
    ended = (await connection.fetchrow(UNTOLD, back_at))["untold"]
    sent_after = half_after = told_after = None
    while told_after is None and time.time() < back_at + LONGEST_SECONDS:
        row = await connection.fetchrow(UNTOLD, back_at)
        if sent_after is None and not row["unsent"]:
            sent_after = time.time() - back_at
        if half_after is None and row["untold"] <= ended // 2:
            half_after = time.time() - back_at
        if sent_after is not None and not row["untold"]:
            told_after = time.time() - back_at
        await asyncio.sleep(0.5)
    await connection.close()
    print(
        f"  all that waited sent after {sent_after} s; half of the ends told after {half_after} s, ", end=""
    )
    print(f"all after {told_after} s")
    report(await counts_by_tenth(), left_at, back_at)


def report(counts: dict[str, dict[str, int]], left_at: float, back_at: float) -> None:
    """Requests a second before the outage, and of each stretch after it the mean and the most."""
    tenths = {kind: {int(tenth): n for tenth, n in found.items()} for kind, found in counts.items()}
    heads = ("mean", "most in 1 s", "most in 0.1 s", "submits")
    print(f"  {'requests a second':<24} {' '.join(f'{head:>13}' for head in heads)}")
    before = (left_at - SETTLE_SECONDS, left_at)
    stretches = ((0, 1), (1, 5), (5, 15), (15, 30), (30, 60), (60, 120))
    after = [(f"{a} to {b} s after", (back_at + a, back_at + b)) for a, b in stretches]
    for name, (start, end) in [("before", before), *after]:
        span = range(int(start * TENTHS), int(end * TENTHS))
        each = [sum(found.get(tenth, 0) for found in tenths.values()) for tenth in span]
        a_second = max(sum(each[at : at + TENTHS]) for at in range(max(len(each) - TENTHS + 1, 1)))
        submits = sum(tenths["submit"].get(tenth, 0) for tenth in span) / (end - start)
        print(
            f"  {name:<24} {sum(each) / (end - start):>8.1f} {a_second:>17} {max(each):>14}  ({submits:.1f})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2000, help="in flight when the upstream leaves")
    parser.add_argument("--accepted", type=int, default=500, help="submitted while it is away")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long a job takes")
    parser.add_argument("--spread", type=float, default=0.9)
    parser.add_argument("--away", type=float, default=60.0)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fluxgate-bench-")))
        place = stack.enter_context(everything(directory, seconds=arguments.seconds, spread=arguments.spread))
        key = make_key(place)
        asyncio.run(fill(place, arguments.jobs, arguments.seconds, arguments.spread))
        stack.enter_context(gateway(place, GATEWAY_PORT))
        asyncio.run(measure(place, key, arguments))


if __name__ == "__main__":
    main()
