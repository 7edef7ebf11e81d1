"""A large body that is handed over piece by piece, and so knows whether its end can have been sent."""

from typing import Final

PIECE_BYTES: Final = 65_536


class Pieces:
    """What the engine asks for when it has room for more; the last piece is asked for last.

    Small bodies are handed over in one piece, of which nobody can tell afterwards how much was sent.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0
        self._is_stopped = False

    def __aiter__(self) -> "Pieces":
        """Itself: a body is sent once."""
        return self

    async def __anext__(self) -> bytes:
        """The next piece; none any more once it was stopped."""
        if self._is_stopped or self._at >= len(self._body):
            raise StopAsyncIteration
        piece = self._body[self._at : self._at + PIECE_BYTES]
        self._at += len(piece)
        return piece

    def stop(self) -> bool:
        """Gives out nothing more; tells whether something was left, so that the request was never whole."""
        self._is_stopped = True
        return self._at < len(self._body)
