"""Ports for servers that are told by number where to listen."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path

LOOPBACK = "127.0.0.1"
FIRST = 10_000
# From here on the kernel gives ports away by itself: to connections, and to servers that do not mind which.
KERNELS_OWN = Path("/proc/sys/net/ipv4/ip_local_port_range")
KERNELS_FIRST_BY_DEFAULT = 32_768


def free_port(number: int = 1) -> int:
    """The first of so many ports in a row that nobody listens on, and that nobody else is about to.

    Each is given out in its turn, to all tests of this machine: one that was only found to be free would now
    and then be taken by another test before it is listened on.
    """
    with _turns().open("a+") as turns:
        fcntl.flock(turns, fcntl.LOCK_EX)
        turns.seek(0)
        port = int(turns.read() or FIRST)
        end = _kernels_first()
        while not all(map(_is_free, range(port, port + number))):
            port += 1
        turns.truncate(0)
        turns.write(str(port + number if port + number + 100 < end else FIRST))
    return port


def _turns() -> Path:
    return Path(tempfile.gettempdir(), f"fluxgate-test-ports-{os.getuid()}")


def _kernels_first() -> int:
    try:
        first = int(KERNELS_OWN.read_text().split()[0])
    except OSError:
        return KERNELS_FIRST_BY_DEFAULT
    return first if first > 2 * FIRST else KERNELS_FIRST_BY_DEFAULT


def _is_free(port: int) -> bool:
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True
