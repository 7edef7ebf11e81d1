"""Where the servers of the test run are, what a gateway on them is told, and servers that a test may stop."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.storage.embedded import embedded_services
from tests.support.database import Database

PEPPER = "pepper-of-the-tests"
UPSTREAM_KEY = "upstream-key-that-no-caller-may-see"


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
    }


class OwnServers:
    """A PostgreSQL, a Redis or both that one test may stop, freeze and start again."""

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
        """Stops them in order."""
        self._running.close()

    @contextmanager
    def frozen_redis(self) -> Iterator[None]:
        """Redis takes connections and answers nothing until the end of the block."""

        pid = int((self._directory / "redis" / "redis.pid").read_text())
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)
