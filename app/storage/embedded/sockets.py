"""Where the sockets are: beside the data if that path is short, else in a private temporary directory."""

import json
import re
import shutil
import socket
import stat
import tempfile
from pathlib import Path

from app.storage.embedded.account import Account
from app.storage.embedded.layout import Layout

# sun_path has 104 bytes on macOS and 108 on Linux, one of them for the end; the rest is `/.s.PGSQL.5432`.
SOCKET_PATH_LIMIT_BYTES = 103
LONGEST_NAME_BYTES = len("/.s.PGSQL.5432.lock")
# In a URL a comma separates hosts and a colon a port, so a path with these cannot be handed out.
HARMLESS_PATH = re.compile(r"[A-Za-z0-9_./~@+=-]+")


def socket_directory(layout: Layout, account: Account) -> Path:
    """The directory for the servers' sockets, for this account and nobody else.

    It is the same one at every start, as long as nothing has happened to it: clients that were connected
    before a server was killed find the new one there.
    """
    beside = layout.run / "sockets"
    directory = beside if _is_usable(beside) else _remembered(layout) or _new_elsewhere(layout)
    directory.mkdir(mode=0o700, exist_ok=True)
    account.own(directory)
    return directory


def talk(socket_path: Path, request: bytes, timeout_seconds: float = 1.0) -> bytes:
    """Sends a request to a unix socket and gives the first bytes of the answer, or none without one."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout_seconds)
        try:
            connection.connect(str(socket_path))
            connection.sendall(request)
            return connection.recv(64)
        except OSError:
            return b""


def discard_sockets(layout: Layout, directory: Path) -> None:
    """Removes the directory if it is not beside the data, once no server uses it any more."""
    if not directory.is_relative_to(layout.run):
        shutil.rmtree(directory.parent, ignore_errors=True)
        layout.sockets_note.unlink(missing_ok=True)


def _is_usable(directory: Path) -> bool:
    text = str(directory)
    fits = len(text.encode()) + LONGEST_NAME_BYTES <= SOCKET_PATH_LIMIT_BYTES
    return fits and HARMLESS_PATH.fullmatch(text) is not None


def _remembered(layout: Layout) -> Path | None:
    try:
        parent = Path(json.loads(layout.sockets_note.read_text())["directory"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return parent / "sockets" if _is_private(parent, layout) else None


def _is_private(parent: Path, layout: Layout) -> bool:
    # A tmp cleaner may have removed ours, and somebody else may have put theirs in its place.
    try:
        found = parent.lstat()
    except OSError:
        return False
    owner = layout.run.stat().st_uid
    return (
        stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == stat.S_IRWXU and found.st_uid == owner
    )


def _new_elsewhere(layout: Layout) -> Path:
    parent = Path(tempfile.mkdtemp(prefix="fluxgate-"))
    if not _is_usable(parent / "sockets"):
        parent.rmdir()
        parent = Path(tempfile.mkdtemp(prefix="fluxgate-", dir="/tmp"))
    layout.sockets_note.write_text(json.dumps({"directory": str(parent)}))
    return parent / "sockets"
