"""One process of the world that is going to be broken: killed, frozen, started again, told another time."""

import signal
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.fault_proxy import FaultProxy
from tests.support.ports import free_port
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
        code: what has it run another release's code, if it does.
        ended_by_itself: how often it was gone, once it had been ready, without anybody having ended it.
    """

    name: str
    words: tuple[str, ...]
    directory: Path
    settings: dict[str, str]
    wire: FaultProxy
    prefix: tuple[str, ...] = ()
    code: tuple[str, ...] = ()
    port: int = field(default_factory=free_port)
    ended_by_itself: int = 0
    _running: ExitStack = field(default_factory=ExitStack)
    _child: Child | None = None
    _was_ready: bool = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child is not None and self._child.is_running

    def begin(self) -> None:
        """Starts it, unless it runs."""
        self.look()
        if not self.is_alive:
            self._running.close()
            command = (*self.prefix, *self.code, FLUXGATE, *self.words, "--port", str(self.port))
            self._child = self._running.enter_context(
                running(self.directory, *command, settings=self.settings)
            )

    def look(self) -> None:
        """Counts an end that nobody asked for; before it was ready it may give up on its stores."""
        if self._was_ready and not self.is_alive:
            self.ended_by_itself += 1
            self._was_ready = False

    def ready(self) -> None:
        """Waits until it can do its work; whoever does not come up is started again, as anywhere."""
        until(self._is_ready, START_SECONDS)

    def kill(self) -> None:
        self.look()
        if self._child is not None:
            self._child.kill()
        self._close()

    def stop(self) -> None:
        """Asks it to stop, as a deploy does."""
        self.look()
        self._close()

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
            answer = httpx.get(f"{self.address}/readyz", trust_env=False, timeout=5)
        except httpx.TransportError:
            return False
        self._was_ready = self._was_ready or answer.status_code == 200
        return answer.status_code == 200

    def _close(self) -> None:
        self._running.close()
        self._child, self._was_ready = None, False
