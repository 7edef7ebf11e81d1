"""Redis is speed, never truth: gone, frozen, full, emptied or cut off, every answer is the same."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from random import Random

import pytest
import uvloop
from redis import Redis
from redis.exceptions import RedisError

from app.storage.redis import Script, ScriptCall, Speed
from tests.conftest import StartGateway
from tests.support.database import fresh_database
from tests.support.fault_proxy import NO_LINGER, Fault, FaultProxy, Way, spoiling
from tests.support.gateway import Gateway, serve
from tests.support.ports import LOOPBACK
from tests.support.simulator import Simulator
from tests.support.stores import OwnServers, Stores, settings_for
from tests.support.waiting import until

TEAMS = 8
ROUNDS = 30
CANCELLED = 3_000
LONGEST_SECONDS = 0.002
# Redis itself is waited for only some milliseconds; the rest is for a slow machine.
LATEST_SECONDS = 30
ECHO = Script("return redis.call('GET', KEYS[1])")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    servers = OwnServers(tmp_path_factory.mktemp("redis"), postgres=False, redis=True)
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def wire(servers: OwnServers) -> Iterator[FaultProxy]:
    with spoiling(servers.redis_url) as wire:
        yield wire


@pytest.fixture(scope="module")
def gateway(
    wire: FaultProxy, stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The same one for all faults: it is to get over each of them."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        settings["redis_url"] = f"redis://{LOOPBACK}:{wire.port}"
        del settings["redis_timeout_seconds"]
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield gateway


Happening = Callable[[OwnServers, FaultProxy], AbstractContextManager[None]]


@contextmanager
def away(servers: OwnServers, _wire: FaultProxy) -> Iterator[None]:
    with servers.stopped():
        yield


@contextmanager
def frozen(servers: OwnServers, _wire: FaultProxy) -> Iterator[None]:
    with servers.frozen():
        yield


@contextmanager
def full(servers: OwnServers, _wire: FaultProxy) -> Iterator[None]:
    with Redis.from_url(servers.redis_url) as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1")
        with pytest.raises(RedisError, match="maxmemory"):
            redis.set("a", "b")
        yield
        redis.config_set("maxmemory", "128mb")
        redis.config_set("maxmemory-policy", "allkeys-lru")


@contextmanager
def emptied(servers: OwnServers, _wire: FaultProxy) -> Iterator[None]:
    with Redis.from_url(servers.redis_url) as redis:
        redis.flushall()
    yield


@contextmanager
def silent(_servers: OwnServers, wire: FaultProxy) -> Iterator[None]:
    wire.hang()
    yield
    wire.heal()


@contextmanager
def cut_in_an_answer(_servers: OwnServers, wire: FaultProxy) -> Iterator[None]:
    wire.spoil(Fault(cut_after=2), Way.TO_CLIENT)
    yield
    wire.heal()


def check_everything_answers(gateway: Gateway, prompt: str) -> None:
    caller = gateway.caller()
    caller.timeout = LATEST_SECONDS
    job_id = caller.job(prompt)
    caller.wait(job_id)
    assert caller.result(job_id).json()["prompt"] == prompt
    stopped = caller.job(f"{prompt} [queue 60]")
    assert caller.cancel(stopped).status_code == 200
    assert caller.result(stopped).status_code == 499


@pytest.mark.parametrize("fault", [away, frozen, full, emptied, silent, cut_in_an_answer])
def test_everything_answers_as_before(
    fault: Happening, gateway: Gateway, servers: OwnServers, wire: FaultProxy, prompt: str
) -> None:
    """Hypothesis: every answer is as before, and comes within the time that this caller waits."""
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} before")
    caller.wait(job_id)
    with fault(servers, wire):
        check_everything_answers(gateway, prompt)
        assert caller.result(job_id).json()["prompt"] == f"{prompt} before"
        assert gateway.get("/readyz").status_code == 200
    until(lambda: gateway.get("/readyz").json()["parts"]["redis"] == "ok")


def test_its_absence_is_told_and_is_no_reason_to_be_left_alone(gateway: Gateway, servers: OwnServers) -> None:
    """Hypothesis: a replica without it is degraded, and still ready."""
    with servers.stopped():
        until(lambda: gateway.get("/readyz").json()["parts"]["redis"] == "degraded")
        assert gateway.get("/readyz").status_code == 200
    until(lambda: gateway.get("/readyz").json()["parts"]["redis"] == "ok")


def test_results_are_there_for_a_gateway_that_never_saw_them(
    start_gateway: StartGateway, servers: OwnServers, prompt: str
) -> None:
    """Hypothesis: what was lost with it is read from PostgreSQL."""
    first = start_gateway(redis_url=servers.redis_url)
    caller = first.caller()
    job_id = caller.job(prompt)
    caller.wait(job_id)
    servers.stop()
    servers.start()
    second = start_gateway(redis_url=servers.redis_url)
    with second.caller(caller.key) as again:
        assert again.result(job_id).content == caller.result(job_id).content


def test_a_connection_that_ends_as_it_begins_is_a_miss(hanging_up: str) -> None:
    """Hypothesis: whatever the event loop calls it, it is Redis that is away and no fault of ours."""

    async def ask() -> list[bytes | None]:
        speed = Speed.connect(hanging_up, timeout_seconds=5)
        try:
            return await speed.read(["a"])
        finally:
            await speed.close()

    async def ask_many() -> list[list[bytes | None]]:
        return [answer for _ in range(ROUNDS) for answer in await asyncio.gather(*(ask() for _ in range(20)))]

    # The gateway's own loop: another one says it in other words.
    assert uvloop.run(ask_many()) == [[None]] * ROUNDS * 20


@pytest.fixture
def hanging_up() -> Iterator[str]:
    """A server that resets each connection at once."""

    def serve_nobody() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                connection.close()

    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=serve_nobody)
        thread.start()
        yield f"redis://{LOOPBACK}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_who_is_broken_off_leaves_no_answer_to_the_next(stores: Stores) -> None:
    """Hypothesis: a connection whose answer nobody waited for is never used again, so no team reads
    what another one asked for."""
    speed = Speed.connect(stores.redis_url, timeout_seconds=60)
    fate = Random(TEAMS)
    keys = [f"cancelled:{team}" for team in range(TEAMS)]
    await speed.write({key: key.encode() for key in keys}, ttl_seconds=600)
    wrong: list[object] = []
    read = 0

    async def ask(key: str, *, by_script: bool) -> None:
        nonlocal read
        found = await (speed.run(ECHO, [ScriptCall([key], [])]) if by_script else speed.read([key]))
        read += 1
        if found != [key.encode()]:
            wrong.append((key, found))

    async def ask_and_break_off() -> None:
        asking = asyncio.create_task(ask(fate.choice(keys), by_script=fate.random() < 0.5))
        await asyncio.sleep(fate.uniform(0, LONGEST_SECONDS))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def ask_again_and_again() -> None:
        for _ in range(CANCELLED // TEAMS):
            await ask_and_break_off()

    try:
        await asyncio.gather(*(ask_again_and_again() for _ in range(TEAMS)))
        for key in keys:
            await ask(key, by_script=False)
    finally:
        await speed.close()
    assert not wrong
    # Some were broken off, some were not.
    assert TEAMS < read < CANCELLED + TEAMS
