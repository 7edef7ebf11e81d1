"""Receivers of webhooks that take every connection, and read nothing until they may."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.support.faulty_upstream import Wire, answer

# Without this the kernel would take some megabytes of each in their place.
WINDOW_BYTES = 65_536


class Unread:
    """What is done with connections, and what has come of them.

    Attributes:
        told: the id of each webhook that came whole, in order; how long it was is known, not what it said.
    """

    def __init__(self) -> None:
        self.may_read = threading.Event()
        self.addresses: list[str] = []
        self.told: list[tuple[str, int]] = []

    def take(self, listener: socket.socket) -> None:
        """Takes connections until the listener is closed."""
        with suppress(OSError):
            while True:
                end, _ = listener.accept()
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        with end, suppress(OSError):
            self.may_read.wait()
            wire = Wire(end)
            head = wire.read_head().decode().lower()
            headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
            left = length = int(headers["content-length"])
            while left and (piece := wire.read(min(left, WINDOW_BYTES))):
                left -= len(piece)
            if not left:
                self.told.append((headers["webhook-id"], length))
                wire.say(answer(b"{}"))


@contextmanager
def unread_receivers(number: int) -> Iterator[Unread]:
    """So many of them, each at a port of its own; they may read at the end of the block at last."""
    unread = Unread()
    with ExitStack() as stack:
        for _ in range(number):
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
            # A listener that is only closed keeps its thread waiting.
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=unread.take, args=(listener,), daemon=True).start()
            unread.addresses.append(f"http://127.0.0.1:{listener.getsockname()[1]}")
        stack.callback(unread.may_read.set)
        yield unread
