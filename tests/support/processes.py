"""Child processes whose output goes to a file, and which never outlive their test."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, Protocol

from tests.support.warm import WarmProcess

ROOT = Path(__file__).parents[2]
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
FLUXGATE = str(Path(sys.executable).with_name("fluxgate"))
STOP_SECONDS = 60.0
COMMAND_SECONDS = 180.0
KEPT = ("HOME", "LANG", "PATH", "TMPDIR", "USER", "XDG_RUNTIME_DIR")


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This tree's code, the given settings, and nothing of the developer's own settings."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    named = {f"FLUXGATE_{name.upper()}": value for name, value in settings.items()}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **named}


def run_fluxgate(
    directory: Path, *words: str, settings: Mapping[str, str] = NO_SETTINGS, told: str = ""
) -> subprocess.CompletedProcess[str]:
    """One `fluxgate` command, run to its end in this directory and told this on its standard input."""
    with TemporaryDirectory() as streams:
        files = (Path(streams, "in"), Path(streams, "out"), Path(streams, "error"))
        files[0].write_text(told)
        process = WarmProcess(words, directory, environment(settings), files)
        try:
            code = process.wait(COMMAND_SECONDS)
        finally:
            process.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(words, code, files[1].read_text(), files[2].read_text())


class Started(Protocol):
    """A process that was started, as `subprocess.Popen` tells of it."""

    pid: int

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""

    def send_signal(self, number: signal.Signals, /) -> None:
        """Tells it something."""

    def wait(self, seconds: float, /) -> int:
        """Its exit code, once it has ended."""


class Child:
    """A running command."""

    def __init__(self, process: Started, log_path: Path) -> None:
        self._process = process
        self._log_path = log_path

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def log(self) -> str:
        """Everything it has printed so far, on stdout and stderr."""
        return self._log_path.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        """Its structured log lines of this name."""
        # The last one may be half written: where it goes on into another page it is seen piece by piece.
        whole = self.log().split("\n")[:-1]
        lines = (json.loads(line) for line in whole if line.startswith("{"))
        return [line for line in lines if line.get("event") == name]

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended."""
        return self._process.wait(seconds)

    def stop(self) -> int:
        """Asks it to stop; its exit code."""
        self.send(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """Ends it as a crash would."""
        self.send(signal.SIGKILL)
        self.wait()


@contextmanager
def running(
    directory: Path, *command: str, settings: Mapping[str, str] = NO_SETTINGS, is_installed: bool = False
) -> Iterator[Child]:
    """A command in this directory, stopped at the end of the block if it has not ended by then.

    `fluxgate` is forked from a process that has imported it, unless the installed one is asked for.
    """
    log_path = directory / f"{len(list(directory.glob('*.log')))}.log"
    is_warm = command[0] == FLUXGATE and not is_installed
    started = _forked if is_warm else _executed
    child = Child(started(directory, command, environment(settings), log_path), log_path)
    try:
        yield child
    finally:
        if child.is_running:
            child.send(signal.SIGCONT)
            try:
                child.stop()
            except subprocess.TimeoutExpired:
                child.kill()


def _forked(directory: Path, command: tuple[str, ...], named: Mapping[str, str], log_path: Path) -> Started:
    log_path.touch()
    return WarmProcess(command[1:], directory, named, (Path(os.devnull), log_path, log_path))


def _executed(directory: Path, command: tuple[str, ...], named: Mapping[str, str], log_path: Path) -> Started:
    with log_path.open("wb") as log:
        return subprocess.Popen(
            command, cwd=directory, env=named, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
