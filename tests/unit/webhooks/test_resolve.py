"""Lookups end in time, whatever the name server does, and nobody waits for those that do not."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from app.webhooks.networks import IpAddress
from app.webhooks.resolve import THREADS, Resolver, UnresolvedError, ask_system
from tests.support.processes import ROOT

STUCK = """
import asyncio, time
from app.webhooks.resolve import Resolver, UnresolvedError

async def main():
    resolver = Resolver(lambda host: time.sleep(600))
    try:
        await resolver.addresses("host", seconds=0.1)
    except UnresolvedError:
        print("in time")
    resolver.close()

asyncio.run(main())
"""


async def test_the_system_knows_this_machine() -> None:
    resolver = Resolver(ask_system)
    assert ip_address("127.0.0.1") in await resolver.addresses("localhost", seconds=10)
    assert list(await resolver.addresses("::1", seconds=10)) == [ip_address("::1")]
    resolver.close()


@pytest.mark.parametrize("host", ["nobody.invalid", "a" * 64, "256.256.256.256"])
async def test_what_stands_for_nothing_is_one_error(host: str) -> None:
    resolver = Resolver(ask_system)
    with pytest.raises(UnresolvedError):
        await resolver.addresses(host, seconds=10)
    resolver.close()


async def test_no_addresses_are_no_answer() -> None:
    resolver = Resolver(lambda _: [])
    with pytest.raises(UnresolvedError):
        await resolver.addresses("host", seconds=10)
    resolver.close()


async def test_questions_that_nobody_waits_for_are_not_asked() -> None:
    gate = threading.Event()
    asked: list[str] = []

    def look_up(host: str) -> Sequence[IpAddress]:
        asked.append(host)
        gate.wait(20)
        return [ip_address("127.0.0.1")]

    resolver = Resolver(look_up)
    for number in range(THREADS + 5):
        with pytest.raises(UnresolvedError):
            await resolver.addresses(f"host{number}", seconds=0.02)
    gate.set()
    assert await resolver.addresses("last", seconds=20)
    assert len(asked) == THREADS + 1
    resolver.close()


def test_a_process_ends_though_a_lookup_does_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stdout) == (0, "in time\n"), done.stderr
