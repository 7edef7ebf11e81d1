"""Closing a connection without an answer, which no ordinary ASGI answer can do."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class AbortableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP parser, with the way to cut the connection handed to the routes."""

    def on_message_begin(self) -> None:
        """Starts a request and puts `abort` into its state."""
        super().on_message_begin()
        self.scope["state"]["abort"] = self.transport.abort


class ClosedConnection(Response):
    """The answer that is none."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._abort = request.state.abort

    async def __call__(self, _scope: Scope, receive: Receive, _send: Send) -> None:
        """Cuts the connection and waits until the server knows, or it would write a 500 of its own."""
        self._abort()
        while (await receive())["type"] != "http.disconnect":
            pass
