"""One server as a process that may outlive us: is it alive, start it, stop it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import StartupError
from app.storage.embedded.lock_file import LockFile

POLL_SECONDS = 0.01
# A server whose main process was killed still has children for a moment; they end by themselves.
LEFTOVERS_PATIENCE_SECONDS = 10.0
LOG_LIMIT_BYTES = 10_000_000
# Without the caller's variables: PGDATA, PGPORT and the like would change what the servers do.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass
class ServerProcess:
    """A server that holds `lock_path` as long as any of its processes lives.

    It writes its process id into the first line of `pid_path`, and `mark` is a word of its command line.
    `stop_signals` are sent in turn, each with the seconds that it is given to work.
    """

    name: str
    lock_path: Path
    pid_path: Path
    log_path: Path
    mark: Path
    stop_signals: Sequence[tuple[signal.Signals, float]]
    _pid: int | None = field(default=None, init=False)

    def is_alive(self) -> bool:
        """Whether any process of the server lives, whoever started it."""
        with LockFile(self.lock_path) as lock:
            alive = not lock.try_take()
        if not alive:
            self._reap()
        return alive

    def take_lock(self) -> LockFile:
        """The server's lock, to be inherited by what is started next.

        Raises:
            StartupError: processes of an earlier server do not end.
        """
        lock = LockFile(self.lock_path)
        if not wait_until(lock.try_take, LEFTOVERS_PATIENCE_SECONDS):
            lock.close()
            raise StartupError(
                f"{self.name}: an earlier server still holds {self.lock_path} and does not end"
            )
        self._reap()
        return lock

    def spawn(self, command: list[str], lock: LockFile) -> None:
        """Starts the server in a session of its own, so that Ctrl-C in our terminal does not reach it."""
        os.set_inheritable(lock.descriptor, True)  # noqa: FBT003 # the function takes no keyword
        log = self._open_log()
        try:
            self._pid = os.posix_spawn(
                command[0],
                command,
                ENVIRONMENT,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
            )
        finally:
            os.close(log)

    def stop(self) -> bool:
        """Stops the server, whoever started it, and waits for its end; false if it could not be stopped."""
        for number, seconds in self.stop_signals:
            if self.is_alive():
                # The written one first: ours may have died, and another process may have started the next.
                self._pid = self._written_pid() or self._pid
                self._signal(number)
                wait_until(lambda: not self.is_alive(), seconds)
        return not self.is_alive()

    def kill_child(self) -> None:
        """Ends the server if it is our child, without giving it the time to remove any file."""
        if self._child_lives():
            self._signal(signal.SIGKILL)
            self._reap()

    def last_words(self) -> str:
        """The last line of the server's log."""
        lines = self.log_path.read_text(errors="replace").splitlines() if self.log_path.exists() else []
        return lines[-1] if lines else "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        if self._pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def _written_pid(self) -> int | None:
        try:
            pid = int(self.pid_path.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if runs(pid, self.mark) else None

    def _child_lives(self) -> bool:
        if self._pid is None:
            return False
        try:
            ended, _ = os.waitpid(self._pid, os.WNOHANG)
        except ChildProcessError:
            # Another process started it, and waits for it.
            return False
        return ended == 0

    def _reap(self) -> None:
        # A process that ends gives up its lock a moment before it can be waited for.
        wait_until(lambda: not self._child_lives(), LEFTOVERS_PATIENCE_SECONDS)
        self._pid = None

    def _open_log(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        return os.open(self.log_path, flags, 0o600)


def runs(pid: int, mark: Path) -> bool:
    """Whether this process id belongs to a process with `mark` as a word of its command line.

    After a reboot, or in another container, the number may have gone to a stranger.
    """
    if not Path("/proc/self/cmdline").exists():
        ps = ["/bin/ps", "-p", f"{pid}", "-o", "args="]
        listing = subprocess.run(ps, capture_output=True, check=False)  # noqa: S603 # a fixed program
        return f" {mark} ".encode() in listing.stdout
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.fsencode(mark) in words


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Looks again and again until the condition holds; false if it did not within the seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
