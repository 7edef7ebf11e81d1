"""A wire between a client and a gateway that a test may cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Relay:
    """Passes on every byte, in both directions, until it is cut."""

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._listener = listener
        self._target = target
        self._open: list[socket.socket] = []
        self.port = int(listener.getsockname()[1])

    def serve(self) -> None:
        """Takes connections until the listener is closed."""
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()

    def cut(self) -> None:
        """Ends every connection of this moment; new ones are taken."""
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._open = []


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while more := source.recv(65_536):
            sink.sendall(more)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def relaying(address: str) -> Iterator[Relay]:
    """A wire to the server at this address, on a port of its own."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    assert parts.port is not None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener, (parts.hostname, parts.port))
        thread = threading.Thread(target=relay.serve)
        thread.start()
        try:
            yield relay
        finally:
            # A listener that is only closed keeps its thread waiting.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            relay.cut()
