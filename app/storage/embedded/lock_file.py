"""A lock that dies with its holders: the kernel's `flock`, so nothing stale outlives a crash or a reboot."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from app.errors import StartupError


class LockFile:
    """An open lock file; not locked until one of the methods says so.

    Opening it raises `StartupError` when the file cannot be written.

    The lock belongs to the open file and not to the process: a child that inherits `descriptor` keeps the
    lock after its parent has closed it, which is how a running server is recognised.
    """

    def __init__(self, path: Path) -> None:
        # Not following a link: a planted one would lead a gateway that runs as root anywhere.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self.descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise StartupError(f"FLUXGATE_DATA_DIR: cannot open {path}: {error.strerror}") from error

    def share(self) -> None:
        """Waits for a lock that any number of processes may hold together."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)

    def take(self) -> None:
        """Waits for the lock that one process holds alone."""
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Takes the lock alone if nobody else holds it, also from being one who shares it."""
        with suppress(BlockingIOError):
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def is_at(self, path: Path) -> bool:
        """Whether this very file is still found under the path."""
        try:
            return os.path.samestat(os.fstat(self.descriptor), path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Lets go for everyone who has inherited the lock as well."""
        fcntl.flock(self.descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Lets go, unless a child has inherited the lock."""
        os.close(self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def taken(path: Path) -> Iterator[None]:
    """Holds the lock of this file alone, having waited for it."""
    with LockFile(path) as lock:
        lock.take()
        yield
