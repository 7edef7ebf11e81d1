"""The network between two parts is gone while the others go on: a wire falls silent, and nobody is told."""

import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from app.errors import StorageUnavailable
from app.storage.pool import MEND_SECONDS
from app.storage.postgres import Database as AppDatabase
from tests.support.caller import Caller
from tests.support.checker import check_history, is_settled
from tests.support.database import Database, fresh_database
from tests.support.fault_proxy import FaultProxy, Way, spoiling
from tests.support.gateway import Gateway, serve
from tests.support.ports import LOOPBACK
from tests.support.processes import FLUXGATE, Child, running
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

SHORT = {
    "lease_seconds": "6",
    "upstream_timeout_seconds": "5",
    "unknown_patience_seconds": "1",
    "database_timeout_seconds": "4",
    "upstream_webhooks": "off",
}
# How long a connection may take to begin, in the test of one that could not.
BEGIN_SECONDS = 3.0
TRIES = 5
# A submit that cannot be recorded is answered after the upstream's three seconds and ten of trying to; all
# the tries that there may be would take thirty.
ANSWERED_SECONDS = 25.0
# What a worker that is cut off from the upstream may try of one job: the other is first the next time, but on
# a machine that stands still it may be late, though hardly time after time.
LOOKS_IN_VAIN = 3
WHO = "SELECT pg_backend_pid() AS pid"


@dataclass(frozen=True)
class Apart:
    """A replica and a worker with wires of their own, and a worker whose wires nobody touches."""

    gateway: Gateway
    worker: Child
    other_worker: Child
    replica_to_database: FaultProxy
    worker_to_database: FaultProxy
    worker_to_upstream: FaultProxy


@pytest.fixture(scope="module")
def apart(stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    with ExitStack() as stack:
        database = stack.enter_context(fresh_database(stores.database_url))
        settings = settings_for(stores, database, simulator.address) | SHORT
        near, far = (stack.enter_context(spoiling(database.url)) for _ in range(2))
        to_upstream = stack.enter_context(spoiling(simulator.address))
        outside = {"upstream_url": f"http://{LOOPBACK}:{to_upstream.port}", **through(far, database)}
        gateway = stack.enter_context(
            serve(
                tmp_path_factory.mktemp("gateway"),
                database,
                "--no-worker",
                settings=settings | through(near, database),
            )
        )
        directory = tmp_path_factory.mktemp("workers")
        spoiled, untouched = (
            stack.enter_context(running(directory, FLUXGATE, "worker", settings=settings | own))
            for own in (outside, {})
        )
        until(lambda: "Following jobs" in spoiled.log() and "Following jobs" in untouched.log())
        yield Apart(gateway, spoiled, untouched, near, far, to_upstream)


def through(wire: FaultProxy, database: Database) -> dict[str, str]:
    url = make_url(database.url)
    return {"database_url": f"postgresql://{url.username}@{LOOPBACK}:{wire.port}/{url.database}"}


@pytest.fixture
def caller(apart: Apart) -> Caller:
    return apart.gateway.caller()


def check(apart: Apart, simulator: Simulator, answered: dict[str, str]) -> None:
    until(lambda: is_settled(apart.gateway.database))
    check_history(apart.gateway.database, [simulator], answered)


def test_a_replica_that_is_cut_from_postgresql(
    apart: Apart, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: it takes nothing and says so, though it could reach the upstream; over by itself."""
    before = caller.job(prompt)
    apart.replica_to_database.hang()
    refused = f"{prompt} refused"
    answer = caller.submit(refused)
    assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
    assert apart.gateway.get("/livez").status_code == 200
    assert apart.gateway.get("/readyz").status_code == 503
    # The worker has not heard of it.
    apart.gateway.database.wait(before, "succeeded")
    apart.replica_to_database.heal()
    until(lambda: apart.gateway.get("/readyz").status_code == 200)
    assert simulator.accepted(refused) == []
    check(apart, simulator, {before: prompt})


def test_a_replica_that_is_cut_while_it_submits(
    apart: Apart, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: what it sent and could not record is unknown, never sent again, and its caller is told."""
    # And told soon.
    caller.timeout = ANSWERED_SECONDS
    slow = f"{prompt} [submit hang 3]"
    with ThreadPoolExecutor(1) as threads:
        submitting = threads.submit(caller.submit, slow)
        until(lambda: simulator.accepted(slow))
        apart.replica_to_database.hang()
        answer = submitting.result()
    apart.replica_to_database.heal()
    assert (answer.status_code, answer.json().get("status")) == (200, "IN_QUEUE"), answer.text
    # Where its worker is late it is only unknown by now, which is as much as the check asks for.
    apart.gateway.database.wait(answer.json()["request_id"], "lost")
    check(apart, simulator, {answer.json()["request_id"]: slow})


def test_a_worker_that_is_cut_from_postgresql(
    apart: Apart, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: another one takes its jobs over; what it saw itself meanwhile is written by nobody."""
    words = f"{prompt} [slow 4] [status hang 3]"
    asked_before = apart.worker_to_upstream.passed[Way.TO_SERVER]
    with other_worker_stopped(apart):
        job_id = caller.job(words)
        until(lambda: apart.worker_to_upstream.passed[Way.TO_SERVER] > asked_before)
        apart.worker_to_database.hang()
    apart.gateway.database.wait(job_id, "succeeded")
    until(lambda: job_id in {line["job_id"] for line in apart.worker.events("work.not_recorded")})
    until(lambda: apart.worker.events("worker.storage_unavailable"))
    apart.worker_to_database.heal()
    check(apart, simulator, {job_id: words})
    assert apart.worker.is_running


@contextmanager
def other_worker_stopped(apart: Apart) -> Iterator[None]:
    """Who claims a job first takes it, and that is to be the one that is cut off."""
    apart.other_worker.send(signal.SIGSTOP)
    try:
        yield
    finally:
        apart.other_worker.send(signal.SIGCONT)


def test_a_worker_that_is_cut_from_the_upstream(
    apart: Apart, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: its look fails, its job comes due again, and whoever can reach the upstream is first then.

    It is a single job: many that fail together would show at once that it is cut off.
    """
    apart.worker_to_upstream.hang()
    apart.worker_to_upstream.cut()
    before = apart.worker_to_upstream.connections

    def looks_in_vain() -> int:
        return apart.worker_to_upstream.connections - before

    with other_worker_stopped(apart):
        job_id = caller.job(prompt)
        until(looks_in_vain)
    apart.gateway.database.wait(job_id, "succeeded")
    assert looks_in_vain() <= LOOKS_IN_VAIN
    apart.worker_to_upstream.heal()
    check(apart, simulator, {job_id: prompt})


def test_a_transaction_that_could_not_begin_spoils_no_later_one(database: Database) -> None:
    """Hypothesis: the silence ends while the connection is looked after, and it is as good as new."""

    async def look(wire: FaultProxy) -> bool:
        url = through(wire, database)["database_url"]
        stored = await AppDatabase.connect(url, pool_size=1, timeout_seconds=BEGIN_SECONDS)
        is_kept = False
        # A slow machine may take longer than the pool looks after it, and then another takes its place.
        for _ in range(TRIES):
            is_kept = is_kept or await outlives(stored, wire, database)
        await stored.close()
        return is_kept

    database.rows("CREATE TABLE written (n int)")
    with spoiling(database.url) as wire:
        assert asyncio.run(look(wire))


async def outlives(stored: AppDatabase, wire: FaultProxy, database: Database) -> bool:
    """Whether a connection outlives a BEGIN that was broken off; what comes after it works in any case."""
    [before] = await stored.execute(WHO)
    pids = {before["pid"]}
    wire.hang()
    outcome, _ = await asyncio.gather(begin(stored), heal_later(wire), return_exceptions=True)
    assert isinstance(outcome, StorageUnavailable)
    await stored.execute("INSERT INTO written VALUES (1)")
    seen = await asyncio.to_thread(database.rows, "DELETE FROM written RETURNING n")
    assert seen, "what is a transaction of its own became part of the one that was broken off"
    for _ in range(2):
        async with stored.transaction() as transaction:
            [row] = await transaction.execute(WHO)
            pids.add(row["pid"])
    return len(pids) == 1


async def begin(stored: AppDatabase) -> None:
    async with stored.transaction():
        pass


async def heal_later(wire: FaultProxy) -> None:
    """Within the time that the pool gives a connection, after the time that it gives a statement."""
    await asyncio.sleep(BEGIN_SECONDS + MEND_SECONDS / 3)
    wire.heal()
