"""One gateway per data directory: the second one is told who is there already."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import StartupError
from app.storage.embedded.layout import Layout
from app.storage.embedded.lock_file import LockFile


@contextmanager
def exclusive_gateway(data_dir: Path) -> Iterator[None]:
    """Holds the data directory for this process's gateway alone.

    Raises:
        StartupError: another process's gateway holds it; the line names the directory and the process.
    """
    layout = Layout.open(data_dir)
    with LockFile(layout.gateway_lock) as lock:
        if not lock.try_take():
            raise StartupError(
                f"another gateway (process {_holder(lock)}) is already serving from the data directory "
                f"{layout.data_dir}; stop it, or set FLUXGATE_DATA_DIR to another directory"
            )
        os.ftruncate(lock.descriptor, 0)
        os.pwrite(lock.descriptor, f"{os.getpid()}\n".encode(), 0)
        yield


def _holder(lock: LockFile) -> str:
    return os.pread(lock.descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
