"""What PostgreSQL and Redis have in common: use the one that runs if it answers, else start one."""

from abc import ABC, abstractmethod

from app.errors import StartupError
from app.storage.embedded.lock_file import LockFile
from app.storage.embedded.server_process import ServerProcess, wait_until


class EmbeddedServer(ABC):
    """One server of one data directory; call its methods only while holding the start lock.

    `attach_timeout_seconds` is how long a running server may take to answer before it is replaced,
    `start_timeout_seconds` how long a new one may take.
    """

    attach_timeout_seconds: float
    start_timeout_seconds: float
    process: ServerProcess

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for its clients."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether a client would be served now."""

    @abstractmethod
    def prepare(self, lock: LockFile) -> None:
        """Makes everything ready for a start; none of the server's processes lives, and `lock` proves it."""

    @abstractmethod
    def command(self) -> list[str]:
        """The server's command line."""

    def is_hopeless(self) -> bool:
        """Whether waiting for an answer is in vain."""
        return not self.process.is_alive()

    def begin(self) -> None:
        """Uses the server that runs if it answers, or starts one without waiting for it."""
        if self.process.is_alive():
            if self._comes_up(self.attach_timeout_seconds):
                return
            self.process.stop()
        with self.process.take_lock() as lock:
            self.prepare(lock)
            self.process.spawn(self.command(), lock)

    def finish(self) -> None:
        """Waits until the server answers.

        Raises:
            StartupError: it does not.
        """
        if not self._comes_up(self.start_timeout_seconds):
            name, log = self.process.name, self.process.log_path
            raise StartupError(f"{name} did not start: {self.process.last_words()} (see {log})")

    def _comes_up(self, seconds: float) -> bool:
        wait_until(lambda: self.answers() or self.is_hopeless(), seconds)
        return self.answers()
