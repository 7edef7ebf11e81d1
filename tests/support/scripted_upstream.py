"""An upstream that answers the same bytes to everything, for what no well-meaning server would say."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class ScriptedUpstream:
    """Takes every connection, notes what it was sent, and answers its bytes piece by piece."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._pieces: tuple[bytes, ...] = ()
        self._pause_seconds = 0.0
        self._by_path: dict[bytes, bytes] = {}
        self.requests: list[bytes] = []

    def answer(self, *pieces: bytes, pause_seconds: float = 0.0) -> None:
        """From now on answers this, and forgets what it was asked before."""
        self._pieces, self._pause_seconds, self._by_path = pieces, pause_seconds, {}
        self.requests = []

    def answer_by_path(self, submit: bytes, status: bytes, result: bytes) -> None:
        """From now on answers like a queue, whatever is asked for."""
        self.answer(result)
        self._by_path = {b"POST ": submit, b"/status": status}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Answers until the listener is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = connection.recv(65_536)
            self.requests.append(request)
            line = request.partition(b"\r\n")[0]
            fitting = [piece for part, piece in self._by_path.items() if part in line]
            pieces = tuple(fitting) or self._pieces
            for piece in pieces:
                connection.sendall(piece)
                time.sleep(self._pause_seconds)


@contextmanager
def scripted(*pieces: bytes) -> Iterator[ScriptedUpstream]:
    """An upstream with one answer to everything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        upstream = ScriptedUpstream(listener)
        upstream.answer(*pieces)
        thread = threading.Thread(target=upstream.serve, daemon=True)
        thread.start()
        yield upstream
        # A listener that is only closed keeps its thread waiting.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
