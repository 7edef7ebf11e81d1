"""A wire between two programs that a test may spoil at any moment: the project's own TCP fault proxy.

It passes every byte on until it is told otherwise. What it is told holds from then on, for the connections
that are open and for those to come; counts of bytes start anew.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from urllib.parse import parse_qs, urlsplit

from tests.support.ports import LOOPBACK, free_port

PIECE_BYTES = 65_536
# With this a close throws away what is not sent yet, and the other side gets RST in place of FIN.
NO_LINGER = struct.pack("ii", 1, 0)

Target = tuple[str, int] | str


class Way(Enum):
    """Where bytes go."""

    TO_SERVER = auto()
    TO_CLIENT = auto()


class End(Enum):
    """How a connection ends before its time."""

    RESET = auto()  # RST to both sides
    CLOSED = auto()  # FIN to both sides
    HALF_CLOSED = auto()  # FIN to the side that the bytes went to; the other way stays open


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of the bytes that go one way.

    Attributes:
        delay_seconds: before each piece.
        drip_seconds: before each byte, one at a time.
        cut_after: so many bytes of each connection pass, and then it ends.
        hangs: nothing passes, nobody is told, and what waits goes on when the fault is over.
    """

    delay_seconds: float = 0.0
    drip_seconds: float = 0.0
    cut_after: int | None = None
    end: End = End.RESET
    hangs: bool = False

    def allows(self, size: int, passed: int) -> int:
        """How many of so many bytes may go at once, after so many others."""
        at_once = min(size, 1) if self.drip_seconds else size
        return at_once if self.cut_after is None else min(at_once, max(self.cut_after - passed, 0))

    def is_over(self, passed: int) -> bool:
        """Whether a connection ends after so many bytes."""
        return self.cut_after is not None and passed >= self.cut_after


NONE = Fault()


@dataclass(eq=False)
class Wire:
    """One connection, in two halves."""

    near: socket.socket
    far: socket.socket
    passed: Counter[Way] = field(default_factory=Counter)

    def end(self, end: End, way: Way = Way.TO_SERVER) -> None:
        """Ends it; whoever waits for a byte of it is woken."""
        if end is End.HALF_CLOSED:
            _shut(self.far if way is Way.TO_SERVER else self.near, socket.SHUT_WR)
            return
        for side in (self.near, self.far):
            if end is End.RESET:
                with suppress(OSError):
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            else:
                _shut(side, socket.SHUT_RDWR)
        for side in (self.near, self.far):
            # A thread in `recv` keeps the socket, and its RST, until it wakes.
            _shut(side, socket.SHUT_RD)
            side.close()


class FaultProxy:
    """Passes on every byte, in both directions, but for the faults that it is told.

    Attributes:
        port: where it listens on the loopback.
        connections: how many it has taken.
        passed: how many bytes it has passed on, each way.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        # A port that is asked for by number stays ours while nobody listens on it.
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((LOOPBACK, free_port()))
        self.port = int(self._listener.getsockname()[1])
        self.connections = 0
        self.passed: Counter[Way] = Counter()
        self._faults = {Way.TO_SERVER: NONE, Way.TO_CLIENT: NONE}
        self._changed = threading.Condition()
        self._wires: list[Wire] = []
        self._open: Counter[Target] = Counter()
        self._accepting: threading.Thread | None = None
        self._listen()

    # What a test may do

    def spoil(self, fault: Fault, *ways: Way) -> None:
        """From now on bytes that go this way, or either way, meet this fault."""
        with self._changed:
            for way in ways or Way:
                self._faults[way] = fault
            for wire in self._wires:
                wire.passed.clear()
            self._changed.notify_all()

    def lead_to(self, url: str) -> None:
        """New connections go to the server of this URL; those that are open stay where they are."""
        with self._changed:
            self._target = target_of(url)

    def leads_to(self, url: str) -> bool:
        """Whether a connection is open, or on its way, to the server of this URL."""
        return self._open[target_of(url)] > 0

    def hang(self) -> None:
        """Connections are taken and nothing passes any more: the network has gone."""
        self.spoil(Fault(hangs=True))

    def cut(self, end: End = End.CLOSED) -> None:
        """Ends every connection of this moment; new ones are taken."""
        with self._changed:
            wires, self._wires = self._wires, []
            for wire in wires:
                wire.end(end)
            self._changed.notify_all()

    def refuse(self) -> None:
        """Nobody listens any more, and every connection is reset: the server is dead."""
        if self._accepting is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            self._accepting = None
        self.cut(End.RESET)

    def heal(self) -> None:
        """Every byte passes again; what was held goes on its way."""
        self.spoil(NONE)
        self._listen()

    def close(self) -> None:
        """Ends everything."""
        self.refuse()
        self._listener.close()

    # What it does by itself

    def _listen(self) -> None:
        if self._accepting is None:
            self._listener.listen(256)
            self._accepting = threading.Thread(target=self._accept, daemon=True)
            self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                with self._changed:
                    target = self._target
                    self._open[target] += 1
                threading.Thread(target=self._lead, args=(near, target), daemon=True).start()

    def _lead(self, near: socket.socket, target: Target) -> None:
        try:
            self._connect(near, _connected(target))
        except OSError:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            near.close()
        finally:
            with self._changed:
                self._open[target] -= 1

    def _connect(self, near: socket.socket, far: socket.socket) -> None:
        wire = Wire(near, far)
        with self._changed:
            self._wires.append(wire)
        towards = threading.Thread(target=self._pass_on, args=(wire, near, far, Way.TO_SERVER), daemon=True)
        towards.start()
        self._pass_on(wire, far, near, Way.TO_CLIENT)
        towards.join()
        with self._changed:
            self._wires = [each for each in self._wires if each is not wire]
        near.close()
        far.close()

    def _pass_on(self, wire: Wire, source: socket.socket, sink: socket.socket, way: Way) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                while piece:
                    fault, allowed = self._admit(wire, way, len(piece))
                    now, piece = piece[:allowed], piece[allowed:]
                    if now:
                        time.sleep(fault.drip_seconds or fault.delay_seconds)
                        sink.sendall(now)
                    if fault.is_over(wire.passed[way]):
                        wire.end(fault.end, way)
                        return
            self._admit(wire, way, 0)
            sink.shutdown(socket.SHUT_WR)

    def _admit(self, wire: Wire, way: Way, size: int) -> tuple[Fault, int]:
        """What the next bytes meet, and how many of them it lets pass; waits for as long as that is none.

        They are counted before they go: whoever has received them may ask, or begin another count.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._faults[way].hangs or wire not in self._wires)
            fault = self._faults[way]
            allowed = fault.allows(size, wire.passed[way])
            wire.passed[way] += allowed
            self.passed[way] += allowed
            return fault, allowed


def _connected(target: Target) -> socket.socket:
    if isinstance(target, tuple):
        return socket.create_connection(target)
    far = socket.socket(socket.AF_UNIX)
    try:
        far.connect(target)
    except OSError:
        far.close()
        raise
    return far


def _shut(side: socket.socket, how: int) -> None:
    with suppress(OSError):
        side.shutdown(how)


def target_of(url: str) -> Target:
    """Where the server of this URL listens: a host and a port, or a socket in the file system."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    if directory := parse_qs(parts.query).get("host"):
        return f"{directory[0]}/.s.PGSQL.{parts.port or 5432}"
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@contextmanager
def spoiling(url: str) -> Iterator[FaultProxy]:
    """A wire to the server of this URL, on a port of its own."""
    proxy = FaultProxy(target_of(url))
    try:
        yield proxy
    finally:
        proxy.close()
