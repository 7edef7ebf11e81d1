"""Three replicas, two workers, an upstream, two stores, receivers and the wires between them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from tests.chaos.parts import Part
from tests.support.database import TEMPLATE, Database, beside, make_template
from tests.support.fault_proxy import FaultProxy, spoiling
from tests.support.ports import LOOPBACK, free_port
from tests.support.receiver import Receiver, receiving
from tests.support.simulator import Simulator, simulate
from tests.support.stores import PEPPER, UPSTREAM_KEY, OwnServers
from tests.support.webhooks import ALLOWING

REPLICAS = 3
WORKERS = 2
LEASE_SECONDS = 3.0
SETTINGS = {
    "upstream_key": UPSTREAM_KEY,
    "upstream_profile": "fal",
    "upstream_webhooks": "off",
    "key_pepper": PEPPER,
    "lease_seconds": str(LEASE_SECONDS),
    "upstream_timeout_seconds": "2.5",
    "unknown_patience_seconds": "2",
    "database_timeout_seconds": "3",
    "webhook_timeout_seconds": "2",
    "migrate_on_start": "false",
    "log_format": "json",
    **ALLOWING,
}


class Upstream:
    """The simulated upstream, which remembers in its journal what it accepted before it was killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        journal = self._directory / "journal.jsonl"
        started = simulate(self._directory, port=self._port, journal=journal)
        self.simulator: Simulator = self._running.enter_context(started)

    def kill(self) -> None:
        self.simulator.process.kill()
        self._running.close()

    def stop(self) -> None:
        self._running.close()


@dataclass
class World:
    """Everything that can be broken, and the truth behind it."""

    database: Database
    postgres: OwnServers
    redis: OwnServers
    upstream: Upstream
    receiver: Receiver
    parts: list[Part]
    to_redis: FaultProxy
    to_upstream: FaultProxy
    to_receiver: FaultProxy

    @property
    def replicas(self) -> list[Part]:
        return self.parts[:REPLICAS]

    @property
    def workers(self) -> list[Part]:
        return self.parts[REPLICAS:]

    @property
    def wires(self) -> list[FaultProxy]:
        return [*(part.wire for part in self.parts), self.to_redis, self.to_upstream, self.to_receiver]

    @property
    def webhook(self) -> str:
        """Where jobs' ends are told, by a wire."""
        return f"http://{LOOPBACK}:{self.to_receiver.port}/"

    def gone(self) -> list[str]:
        """A line for each process that was gone without anybody having ended it, in whichever half."""
        for part in self.parts:
            part.look()
        return [
            f"{part.name} has ended by itself" for part in self.parts for _ in range(part.ended_by_itself)
        ]

    def heal(self) -> None:
        """Everything runs, and every wire passes."""
        for wire in self.wires:
            wire.heal()
        for part in self.parts:
            # One after the other: together they would be slower, and may give up on PostgreSQL.
            part.prefix = ()
            part.begin()
            part.ready()


@contextmanager
def world(directory: Path, earlier: Path | None = None) -> Iterator[World]:
    """A world that is well; every other process runs the code of the `earlier` tree, if there is one."""
    with ExitStack() as stack:

        def place(name: str) -> Path:
            (directory / name).mkdir()
            return directory / name

        postgres = OwnServers(place("postgres"), postgres=True, redis=False)
        stack.callback(postgres.stop)
        redis = OwnServers(place("redis"), postgres=False, redis=True)
        stack.callback(redis.stop)
        make_template(postgres.database_url, directory / "template.lock")
        database = Database(beside(postgres.database_url, TEMPLATE))
        upstream = Upstream(place("upstream"))
        stack.callback(upstream.stop)
        receiver = stack.enter_context(receiving())
        to_redis, to_upstream, to_receiver = (
            stack.enter_context(spoiling(url))
            for url in (redis.redis_url, upstream.simulator.address, receiver.address)
        )
        shared = SETTINGS | {
            "redis_url": f"redis://{LOOPBACK}:{to_redis.port}",
            "upstream_url": f"http://{LOOPBACK}:{to_upstream.port}",
        }
        parts: list[Part] = []
        for number in range(REPLICAS + WORKERS):
            is_replica = number < REPLICAS
            name = f"replica {number}" if is_replica else f"worker {number - REPLICAS}"
            words = ("serve", "--no-worker") if is_replica else ("worker",)
            wire = stack.enter_context(spoiling(database.url))
            settings = shared | {"database_url": _by(wire, database)}
            part = Part(name, words, place(name.replace(" ", "-")), settings, wire)
            if earlier is not None and number % 2 == 0:
                part.code = ("env", f"PYTHONPATH={earlier}")
            parts.append(part)
            stack.callback(part.kill)
        made = World(database, postgres, redis, upstream, receiver, parts, to_redis, to_upstream, to_receiver)
        made.heal()
        yield made


def _by(wire: FaultProxy, database: Database) -> str:
    url = make_url(database.url)
    return f"postgresql://{url.username}@{LOOPBACK}:{wire.port}/{url.database}"
