"""A server that takes whatever is sent to it and remembers it: where webhooks and fetches arrive."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """One request; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What has arrived, and what is answered: the given statuses one after another, then 200.

    The body is `content`, or the path that was asked for.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[Received] = []
        self.statuses: list[int] = []
        self.content = b""
        self.headers: dict[str, str] = {}
        self.quotes_path = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    @contextmanager
    def held(self) -> Iterator[Callable[[], None]]:
        """What arrives is remembered and not answered, until the function is called or the block ends."""
        self.may_answer.clear()
        try:
            yield self.may_answer.set
        finally:
            self.may_answer.set()


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.command, self.path, headers, self.rfile.read(length))
            status = receiver.statuses.pop(0) if receiver.statuses else 200
            receiver.requests.append(received)
            receiver.may_answer.wait()
            content = self.path.encode() if receiver.quotes_path else receiver.content
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.send_header("content-type", "image/png")
            self.send_header("location", f"{receiver.address}/moved")
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = answer  # noqa: N815 # the names that the standard library looks for

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
