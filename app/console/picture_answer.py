"""An answer that holds a whole picture, and with it a turn, until it has been sent or took too long."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

# As much as is handed to a connection before its reader has taken what was before.
PIECE_BYTES: Final = 256_000
SENDING_SECONDS: Final = 30.0


class HeldPicture(Response):
    """A picture in pieces; whoever does not read it in time has the connection ended in the middle of it."""

    def __init__(
        self, content: bytes, headers: Mapping[str, str], media_type: str, *, until_sent: AsyncExitStack
    ) -> None:
        super().__init__(content, 200, headers, media_type)
        self._until_sent = until_sent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 # ASGI's form
        """Sends it, and then lets the next one have the turn."""
        async with self._until_sent:
            # The server ends a connection whose answer is not complete.
            with suppress(TimeoutError):
                async with asyncio.timeout(SENDING_SECONDS):
                    await self._send(send)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        size = len(self.body)
        for at in range(0, size, PIECE_BYTES):
            piece, is_last = self.body[at : at + PIECE_BYTES], at + PIECE_BYTES >= size
            await send({"type": "http.response.body", "body": bytes(piece), "more_body": not is_last})
