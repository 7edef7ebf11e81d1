"""Where the servers of the test run are, what a gateway on them is told, and servers that a test may stop."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.storage.embedded import embedded_services
from tests.support.database import Database

PEPPER = "pepper-of-the-tests"
UPSTREAM_KEY = "upstream-key-that-no-caller-may-see"
# A gateway of tests waits longer for its stores than it would by itself: where a machine stands still for
# a moment, a submit would be refused, a result would have no copy in Redis, and two processes would count
# apart.
PATIENT_STORES = {"database_timeout_seconds": "30", "redis_timeout_seconds": "5"}


@dataclass(frozen=True)
class Stores:
    """The addresses of PostgreSQL and Redis."""

    database_url: str
    redis_url: str


def settings_for(stores: Stores, database: Database, upstream_address: str) -> dict[str, str]:
    """The settings of a gateway on these servers."""
    return {
        "database_url": database.url,
        "redis_url": stores.redis_url,
        "upstream_url": upstream_address,
        "upstream_key": UPSTREAM_KEY,
        "upstream_profile": "fal",
        "key_pepper": PEPPER,
        # All that the tests of one worker send comes from one address, and much of it is refused.
        "bad_credentials_per_minute": "1000000",
        **PATIENT_STORES,
    }


class OwnServers:
    """A PostgreSQL, a Redis or both that one test may stop, freeze, kill and start again."""

    def __init__(self, directory: Path, *, postgres: bool, redis: bool) -> None:
        self._directory = directory
        self._kinds = {"postgres": postgres, "redis": redis}
        self._running = ExitStack()
        self.start()

    def start(self) -> None:
        """Starts them; their addresses stay what they were."""
        services = embedded_services(self._directory, **self._kinds)
        addresses = self._running.enter_context(services)
        self.database_url = addresses.database_url or ""
        self.redis_url = addresses.redis_url or ""

    def stop(self) -> None:
        """Stops them in order, PostgreSQL as by `pg_ctl stop -m fast`."""
        self._running.close()

    def kill(self) -> None:
        """Ends them, with all their processes, as when the machine is gone."""
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._running.close()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """They are away within the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """They take connections and answer nothing until the end of the block."""
        pids = self._pids()
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def _pids(self) -> list[int]:
        """Every process of theirs, those first that start others."""
        files = (self._directory / "postgres/cluster/postmaster.pid", self._directory / "redis/redis.pid")
        first = [int(file.read_text().splitlines()[0]) for file in files if file.exists()]
        return first + [pid for parent in first for pid in children_of(parent)]


def children_of(parent: int) -> list[int]:
    """The processes that this one has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name in parentheses may hold anything; the parent's id is the second word after it.
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(stat.parent.name))
    return found
