"""What can happen to a world: each fault begins, lasts and ends, and the world has to recover by itself."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

from redis import Redis

from tests.chaos.parts import Part
from tests.chaos.world import World
from tests.support.clocks import at_another_time_if_possible
from tests.support.fault_proxy import End, Fault, FaultProxy, Way

WRONG_SECONDS = 300
REDIS_MEGABYTES = "128mb"

Happening = Callable[[World, Random], AbstractContextManager[None]]


@contextmanager
def replica_killed(world: World, fate: Random) -> Iterator[None]:
    with _killed(fate.choice(world.replicas)):
        yield


@contextmanager
def worker_killed(world: World, fate: Random) -> Iterator[None]:
    with _killed(fate.choice(world.workers)):
        yield


@contextmanager
def all_killed(world: World, fate: Random) -> Iterator[None]:
    """The machines are gone, in whatever order."""
    parts = fate.sample(world.parts, len(world.parts))
    for part in parts:
        part.kill()
    yield
    for part in parts:
        part.begin()


@contextmanager
def replica_stopped(world: World, fate: Random) -> Iterator[None]:
    """As in a deploy."""
    part = fate.choice(world.replicas)
    part.stop()
    yield
    part.begin()


@contextmanager
def replica_frozen(world: World, fate: Random) -> Iterator[None]:
    with _frozen(fate.choice(world.replicas)):
        yield


@contextmanager
def worker_frozen(world: World, fate: Random) -> Iterator[None]:
    with _frozen(fate.choice(world.workers)):
        yield


@contextmanager
def replica_cut_from_postgres(world: World, fate: Random) -> Iterator[None]:
    with _silent(fate.choice(world.replicas).wire):
        yield


@contextmanager
def worker_cut_from_postgres(world: World, fate: Random) -> Iterator[None]:
    with _silent(fate.choice(world.workers).wire):
        yield


@contextmanager
def postgres_connections_reset(world: World, fate: Random) -> Iterator[None]:
    for part in fate.sample(world.parts, len(world.parts)):
        part.wire.cut(End.RESET)
    yield


@contextmanager
def postgres_restarted(world: World, _fate: Random) -> Iterator[None]:
    world.postgres.stop()
    world.postgres.start()
    yield


@contextmanager
def postgres_killed(world: World, _fate: Random) -> Iterator[None]:
    world.postgres.kill()
    world.postgres.start()
    yield


@contextmanager
def postgres_away(world: World, _fate: Random) -> Iterator[None]:
    with world.postgres.stopped():
        yield


@contextmanager
def postgres_frozen(world: World, _fate: Random) -> Iterator[None]:
    with world.postgres.frozen():
        yield


@contextmanager
def redis_killed(world: World, _fate: Random) -> Iterator[None]:
    world.redis.kill()
    yield
    world.redis.start()


@contextmanager
def redis_frozen(world: World, _fate: Random) -> Iterator[None]:
    with world.redis.frozen():
        yield


@contextmanager
def redis_full(world: World, _fate: Random) -> Iterator[None]:
    with Redis.from_url(world.redis.redis_url) as redis:
        redis.config_set("maxmemory-policy", "noeviction")
        redis.config_set("maxmemory", "1")
        yield
        redis.config_set("maxmemory", REDIS_MEGABYTES)
        redis.config_set("maxmemory-policy", "allkeys-lru")


@contextmanager
def redis_emptied(world: World, _fate: Random) -> Iterator[None]:
    with Redis.from_url(world.redis.redis_url) as redis:
        redis.flushall()
    yield


@contextmanager
def redis_cut(world: World, fate: Random) -> Iterator[None]:
    world.to_redis.spoil(Fault(cut_after=fate.randrange(400)), Way.TO_CLIENT)
    yield
    world.to_redis.heal()


@contextmanager
def upstream_killed(world: World, _fate: Random) -> Iterator[None]:
    world.upstream.kill()
    yield
    world.upstream.start()


@contextmanager
def upstream_silent(world: World, _fate: Random) -> Iterator[None]:
    with _silent(world.to_upstream):
        yield


@contextmanager
def upstream_slow(world: World, fate: Random) -> Iterator[None]:
    world.to_upstream.spoil(Fault(delay_seconds=fate.uniform(0.1, 1.5)))
    yield
    world.to_upstream.heal()


@contextmanager
def upstream_answers_cut(world: World, fate: Random) -> Iterator[None]:
    """What it accepted is not known: no answer comes, or half of one."""
    end = fate.choice([End.RESET, End.CLOSED])
    world.to_upstream.spoil(Fault(cut_after=fate.randrange(300), end=end), Way.TO_CLIENT)
    yield
    world.to_upstream.heal()


@contextmanager
def upstream_requests_cut(world: World, fate: Random) -> Iterator[None]:
    world.to_upstream.spoil(Fault(cut_after=fate.randrange(400)), Way.TO_SERVER)
    yield
    world.to_upstream.heal()


@contextmanager
def receiver_down(world: World, _fate: Random) -> Iterator[None]:
    world.to_receiver.refuse()
    yield
    world.to_receiver.heal()


@contextmanager
def receiver_silent(world: World, _fate: Random) -> Iterator[None]:
    with _silent(world.to_receiver):
        yield


@contextmanager
def clock_wrong(world: World, fate: Random) -> Iterator[None]:
    """One process lives five minutes ahead or behind."""
    part = fate.choice(world.parts)
    part.stop()
    part.prefix = at_another_time_if_possible(fate.choice([-1, 1]) * WRONG_SECONDS)
    part.begin()
    part.ready()
    yield
    part.stop()
    part.prefix = ()
    part.begin()


@contextmanager
def _killed(part: Part) -> Iterator[None]:
    part.kill()
    yield
    part.begin()


@contextmanager
def _frozen(part: Part) -> Iterator[None]:
    part.send(signal.SIGSTOP)
    try:
        yield
    finally:
        part.send(signal.SIGCONT)


@contextmanager
def _silent(wire: FaultProxy) -> Iterator[None]:
    wire.hang()
    yield
    wire.heal()


ALL: tuple[Happening, ...] = (
    replica_killed,
    worker_killed,
    all_killed,
    replica_stopped,
    replica_frozen,
    worker_frozen,
    replica_cut_from_postgres,
    worker_cut_from_postgres,
    postgres_connections_reset,
    postgres_restarted,
    postgres_killed,
    postgres_away,
    postgres_frozen,
    redis_killed,
    redis_frozen,
    redis_full,
    redis_emptied,
    redis_cut,
    upstream_killed,
    upstream_silent,
    upstream_slow,
    upstream_answers_cut,
    upstream_requests_cut,
    receiver_down,
    receiver_silent,
)


def known_here() -> tuple[Happening, ...]:
    """Every fault that this machine can bring about."""
    return (*ALL, clock_wrong) if at_another_time_if_possible(0) else ALL


def named(happening: Happening) -> str:
    return getattr(happening, "__name__", "").replace("_", " ")
