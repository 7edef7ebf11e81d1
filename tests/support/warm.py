"""`fluxgate` as the console script runs it, in a process that has imported it already.

Nine tenths of what a start costs is the import, and the tests start it some six hundred times. One process
imports it once and is forked for each start; the fork gets its own directory, environment and streams before
any code of ours runs. Tests of the installed command itself ask for that one.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from app.cli import main


class WarmProcess:
    """A started command, told and waited for as `subprocess.Popen` is.

    Args:
        words: behind `fluxgate`.
        directory: where it runs.
        environment: all that it has.
        files: what it reads, and what it writes to stdout and to stderr.
    """

    def __init__(
        self,
        words: tuple[str, ...],
        directory: Path,
        environment: Mapping[str, str],
        files: tuple[Path, Path, Path],
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        self._process = context.Process(target=_run, args=(words, directory, dict(environment), files))
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or None while it runs."""
        self._process.join(0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Tells it, unless it has ended, which the one that forked it knows a moment before we do."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, seconds: float) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not by then.
        """
        self._process.join(seconds)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("fluxgate", seconds)
        return self._process.exitcode


def _run(
    words: tuple[str, ...], directory: Path, environment: dict[str, str], files: tuple[Path, Path, Path]
) -> None:
    """What a shell does between the fork and the program, and then the program."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(files):
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND if number else os.O_RDONLY
        opened = os.open(path, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(directory)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 # it lasts as long as the process
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 # the same
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115 # the same
    sys.argv = ["fluxgate", *words]
    main()
