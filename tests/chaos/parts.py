"""One process of the world that is going to be broken: killed, frozen, started again, told another time."""

import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.fault_proxy import FaultProxy
from tests.support.gateway import free_port
from tests.support.processes import FLUXGATE, Child, running
from tests.support.waiting import until

START_SECONDS = 120.0


@dataclass
class Part:
    """A replica or a worker, which reaches PostgreSQL by a wire of its own.

    Attributes:
        words: the command, but for its port.
        wire: the way to PostgreSQL.
        prefix: what it is run under, a wrong clock for one.
    """

    name: str
    words: tuple[str, ...]
    directory: Path
    settings: dict[str, str]
    wire: FaultProxy
    prefix: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    _running: ExitStack = field(default_factory=ExitStack)
    _child: Child | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        """Whether it runs; one that has ended by itself was not meant to."""
        return self._child is not None and self._child.is_running

    def begin(self) -> None:
        """Starts it, unless it runs."""
        if not self.is_alive:
            self._running.close()
            command = (*self.prefix, FLUXGATE, *self.words, "--port", str(self.port))
            self._child = self._running.enter_context(
                running(self.directory, *command, settings=self.settings)
            )

    def ready(self) -> None:
        """Waits until it can do its work; whoever does not come up is started again, as anywhere."""
        until(self._is_ready, START_SECONDS)

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()
        self._running.close()
        self._child = None

    def stop(self) -> None:
        """Asks it to stop, as a deploy does."""
        self._running.close()
        self._child = None

    def send(self, number: signal.Signals) -> None:
        if self.is_alive and self._child is not None:
            self._child.send(number)

    def logged(self, *events: str) -> list[str]:
        """Its log lines of these names, from all its lives."""
        names = [f'"event":"{event}"' for event in events]
        logs = sorted(self.directory.glob("*.log"))
        lines = (line for log in logs for line in log.read_text().splitlines())
        return [line for line in lines if any(name in line for name in names)]

    def _is_ready(self) -> bool:
        self.begin()
        try:
            return httpx.get(f"{self.address}/readyz", trust_env=False, timeout=5).status_code == 200
        except httpx.TransportError:
            return False
