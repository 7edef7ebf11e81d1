"""A file system that is full after a few megabytes."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PIECE_BYTES = 65_536
NO_SMALL_DISK = "this machine mounts no small disk for a test: it was NOT tried what a full one does"


@contextmanager
def small_disk(directory: Path, *, megabytes: int) -> Iterator[bool]:
    """Makes the directory a disk of this size; says whether that was possible, which takes root."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "fluxgate-tests", str(directory)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def filled(directory: Path) -> Iterator[None]:
    """Not a byte is free on that disk within the block."""
    rest = directory / "rest"
    with rest.open("wb", buffering=0) as file:
        for size in (PIECE_BYTES, 1):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        rest.unlink()
