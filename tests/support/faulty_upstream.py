"""A queue of raw sockets that works, until a test says what goes wrong, and for a submit at which byte."""

import json
import re
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import cycle
from types import MappingProxyType
from typing import Literal
from uuid import uuid4

At = Literal["connect", "head", "part", "whole"]
Look = Literal["status", "result"]

BEGINNING_BYTES = 100_000
LEAVING_SECONDS = 0.05


class Wire:
    """One connection, as the upstream has it."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._unread = b""

    def read_head(self) -> bytes:
        """The head of the next request; empty when there is none."""
        while b"\r\n\r\n" not in self._unread:
            if not (more := self._end.recv(65_536)):
                return b""
            self._unread += more
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        return head

    def read_body(self, head: bytes) -> bytes | None:
        """What belongs to this head; None when it does not come whole."""
        body = self.read(length := _length(head))
        return body if len(body) == length else None

    def read(self, length: int) -> bytes:
        """So many bytes, or as many as come."""
        while len(self._unread) < length and (more := self._end.recv(1_000_000)):
            self._unread += more
        body, self._unread = self._unread[:length], self._unread[length:]
        return body

    def say(self, *pieces: bytes, pause_seconds: float = 0.0) -> None:
        """Sends the bytes piece by piece."""
        for piece in pieces:
            self._end.sendall(piece)
            time.sleep(pause_seconds)

    def is_left(self, within_seconds: float) -> bool:
        """Whether the other side closes the connection in this time."""
        return bool(select.select([self._end], [], [], within_seconds)[0])

    def await_bytes(self) -> None:
        """Waits until something has come, and leaves it unread."""
        self._end.recv(1, socket.MSG_PEEK)

    def reset(self) -> None:
        """Ends the connection as a dead machine's kernel would; what was not read is gone."""
        self._end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._end.close()


Act = Callable[[Wire], None]


class LongAnswers:
    """Large answers, sent to their ends when they may, where the other side has not turned away.

    Attributes:
        begun: how many stand at their beginnings.
        whole: how many were read, but for what a connection holds by itself.
        may_end: set when the rest may be sent.
    """

    def __init__(self, *answers: bytes) -> None:
        self._answers = cycle(answers)
        self._counting = threading.Lock()
        self.begun = 0
        self.whole = 0
        self.may_end = threading.Event()

    def __call__(self, wire: Wire) -> None:
        with self._counting:
            answer = next(self._answers)
            self.begun += 1
        try:
            wire.say(answer[:BEGINNING_BYTES])
            is_left = wire.is_left(LEAVING_SECONDS)
            while not is_left and not self.may_end.is_set():
                is_left = wire.is_left(LEAVING_SECONDS)
        finally:
            with self._counting:
                self.begun -= 1
        if not is_left:
            wire.say(answer[BEGINNING_BYTES:])
            with self._counting:
                self.whole += 1


class FaultyUpstream:
    """Every submit is accepted and done at once, but for those that a fault meets.

    Attributes:
        submits: the bodies of the submits that were read whole: the most that can have been accepted.
        calls: the first line of every request, whole or not.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._fault: tuple[At, Act] | None = None
        self._looks: dict[Look, tuple[str, Act]] = {}
        self._first_submits: dict[str, Act] = {}
        self._first_looks: list[tuple[Look, str, Act]] = []
        self._bodies: dict[str, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = self._listen()
        self.port = int(self._listener.getsockname()[1])
        self.submits: list[bytes] = []
        self.calls: list[bytes] = []
        self.open_submits = 0
        self.most_open_submits = 0
        self.seconds = 0.0
        self._counting = threading.Lock()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def whole(self, words: str) -> int:
        """How many whole submits had these words in them."""
        return sum(words.encode() in body for body in self.submits)

    @contextmanager
    def failing(self, at: At, act: Act) -> Iterator[None]:
        """Every submit of the block meets this: at its connection, its head, half its body, or its end."""
        self._fault = (at, act)
        try:
            yield
        finally:
            self._fault = None

    def fail_first_submit(self, words: str, act: Act) -> None:
        """The first whole submit with these words meets this."""
        self._first_submits[words] = act

    def fail_first_look(self, look: Look, words: str, act: Act) -> None:
        """The first who asks for the status or the result of a job with these words meets this."""
        self._first_looks.append((look, words, act))

    @property
    def unmet(self) -> list[str]:
        """Whose first looks have not come yet."""
        return [words for _, words, _ in self._first_looks]

    @contextmanager
    def failing_look(self, look: Look, act: Act, words: str = "") -> Iterator[None]:
        """Whoever asks for the status or the result of a job with these words in the block meets this."""
        self._looks[look] = (words, act)
        try:
            yield
        finally:
            del self._looks[look]

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens at its port until the end of the block."""
        self.close()
        try:
            yield
        finally:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._thread = self._listen()

    def close(self) -> None:
        """Listens no more; connections that are open stay open."""
        with suppress(OSError):
            # A listener that is only closed keeps its thread waiting.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _listen(self) -> threading.Thread:
        thread = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                end, _ = listener.accept()
                threading.Thread(target=self._serve, args=(end,), daemon=True).start()

    def _serve(self, end: socket.socket) -> None:
        with suppress(OSError), end:
            fault = self._fault
            if fault is not None and fault[0] == "connect":
                fault[1](Wire(end))
                return
            plain = self._tls.wrap_socket(end, server_side=True) if self._tls else end
            with plain:
                wire = Wire(plain)
                while head := wire.read_head():
                    self.calls.append(head.partition(b"\r\n")[0])
                    self._answer(wire, head)

    def _answer(self, wire: Wire, head: bytes) -> None:
        line = head.partition(b"\r\n")[0]
        if not line.startswith(b"POST "):
            self._look(wire, line.decode())
            return
        at, act = self._fault or ("whole", None)
        if at == "head" and act:
            act(wire)
        elif at == "part" and act:
            wire.read(_length(head) // 2)
            act(wire)
        elif (body := wire.read_body(head)) is not None:
            self.submits.append(body)
            self._take(wire, act or self._first_act(body) or self._accepting(body))

    def _look(self, wire: Wire, line: str) -> None:
        look: Look = "status" if "/status" in line else "result"
        body = self._bodies.get(line.partition("/requests/")[2][:32], b"")
        words, act = self._looks.get(look, ("", LOOKS[look]))
        if words.encode() not in body:
            act = LOOKS[look]
        for first in self._first_looks:
            if first[0] == look and first[1].encode() in body:
                self._first_looks.remove(first)
                act = first[2]
                break
        act(wire)

    def _first_act(self, body: bytes) -> Act | None:
        found = next((words for words in self._first_submits if words.encode() in body), "")
        return self._first_submits.pop(found, None)

    def _accepting(self, body: bytes) -> Act:
        upstream_id = uuid4().hex
        self._bodies[upstream_id] = body
        return says(accepted(upstream_id))

    def _take(self, wire: Wire, act: Act) -> None:
        with self._counting:
            self.open_submits += 1
            self.most_open_submits = max(self.most_open_submits, self.open_submits)
        time.sleep(self.seconds)
        with self._counting:
            self.open_submits -= 1
        act(wire)


@contextmanager
def faulty(tls: ssl.SSLContext | None = None) -> Iterator[FaultyUpstream]:
    """An upstream without a fault, until it is given one."""
    upstream = FaultyUpstream(tls)
    try:
        yield upstream
    finally:
        upstream.close()


def _length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def answer(body: bytes, status: str = "200 OK", *headers: str, keeps: bool = False) -> bytes:
    """A whole answer, after which the connection is closed unless it is kept."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    lines += [] if keeps else ["Connection: close"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def accepted(upstream_id: str | None = None, *, keeps: bool = False) -> bytes:
    """The answer to a submit, by default with a new id."""
    told = {"request_id": upstream_id or uuid4().hex, "queue_position": 0}
    return answer(json.dumps(told).encode(), keeps=keeps)


def says(*pieces: bytes, pause_seconds: float = 0.0) -> Act:
    """Answers this, and closes."""
    return lambda wire: wire.say(*pieces, pause_seconds=pause_seconds)


def resets(*pieces: bytes) -> Act:
    """Answers this, and resets the connection."""

    def act(wire: Wire) -> None:
        wire.say(*pieces)
        wire.reset()

    return act


def resets_unread(wire: Wire) -> None:
    """Resets the connection once something was sent: before that it may be known that nothing was."""
    wire.await_bytes()
    wire.reset()


def closes(wire: Wire) -> None:
    """Ends the connection in order, without a word."""
    wire.say(b"")


STATUS = answer(b'{"status": "COMPLETED"}')
RESULT = answer(
    b'{"images": [{"url": "https://v3.fal.media/files/a.png", "width": 64, "height": 64}], "seed": 1}'
)
LOOKS: Mapping[Look, Act] = MappingProxyType({"status": says(STATUS), "result": says(RESULT)})
