"""The HTTP protocol of the server, for clients that say too little, too slowly or too much, or do not listen.

uvicorn ends none of them: it waits for ever for the rest of a head or a body and for somebody to read an
answer, and keeps whatever comes before a head is whole.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Final

from app.cli.protocol import InterimProtocol, without_offer

# Beyond the limit of a head, which is answered in words, comes the method and whatever frames a body.
FRAMING_BYTES: Final = 65_536
# As much of an answer has to go out in the time of a silence, or all that is left of it.
READ_AT_LEAST_BYTES: Final = 16_384


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client may be silent, and how much it may say that is no body.

    Attributes:
        head_seconds: without a byte, within the head of a request or before it.
        body_seconds: without a byte within a body, or without reading on in an answer.
    """

    head_seconds: float
    body_seconds: float
    head_bytes: int


class _Part(Enum):
    """What of a request comes next."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()


class PatientProtocol(InterimProtocol):
    """Looks after its client once in a while; a request pays for it with a few assignments."""

    patience: ClassVar[Patience]

    _part = _Part.HEAD
    _heard_at = 0.0
    _unplaced_bytes = 0
    _unread_bytes = 0
    _unread_since = 0.0
    _next_look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """From here on a client is looked after."""
        super().connection_made(transport)
        self._heard_at = self.loop.time()
        self._next_look = self.loop.call_later(self.patience.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nobody to look after any more."""
        if self._next_look is not None:
            self._next_look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """What is neither a whole head nor a body is kept nowhere but here, so here it is counted."""
        self._heard_at = self.loop.time()
        self._unplaced_bytes += len(data)
        is_offer = self._part is not _Part.BODY and b"pgrade:" in data
        super().data_received(without_offer(data) if is_offer else data)
        if self._unplaced_bytes > self.patience.head_bytes + FRAMING_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A head has begun."""
        self._part = _Part.HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self._part, self._unplaced_bytes = _Part.BODY, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there; how long bodies may be is for their readers to say."""
        self._unplaced_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole, and what comes next may take its time."""
        self._part, self._unplaced_bytes = _Part.NOTHING, 0
        super().on_message_complete()

    def pause_writing(self) -> None:
        """More of an answer waits to be read than is given to the network at once."""
        super().pause_writing()
        self._unread_bytes, self._unread_since = self._waiting_bytes(), self.loop.time()

    def _look(self) -> None:
        """Cuts off a client whose time is over; looks again when that may be."""
        now = self.loop.time()
        if self.flow.read_paused:
            self._heard_at = now  # The silence is ours.
        ends_at = min(self._silence_ends_at(), self._reading_ends_at(now))
        if ends_at <= now:
            self.transport.abort()
        else:
            self._next_look = self.loop.call_at(min(ends_at, now + self.patience.head_seconds), self._look)

    def _silence_ends_at(self) -> float:
        match self._part:
            case _Part.HEAD:
                return self._heard_at + self.patience.head_seconds
            case _Part.BODY:
                return self._heard_at + self.patience.body_seconds
            case _Part.NOTHING:
                return float("inf")

    def _reading_ends_at(self, now: float) -> float:
        if not self.flow.write_paused:
            return float("inf")
        waiting = self._waiting_bytes()
        if waiting <= self._unread_bytes - READ_AT_LEAST_BYTES:
            self._unread_bytes, self._unread_since = waiting, now
        return self._unread_since + self.patience.body_seconds

    def _waiting_bytes(self) -> int:
        transport: Any = self.transport  # uvicorn's word for it has no buffer
        return int(transport.get_write_buffer_size())


def protocol_with(patience: Patience) -> type[PatientProtocol]:
    """The protocol for a server whose patience is this; uvicorn makes one of it for each connection."""

    class Configured(PatientProtocol):
        """With the patience of one server."""

    Configured.patience = patience
    return Configured
