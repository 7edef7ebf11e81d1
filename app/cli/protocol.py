"""The HTTP protocol of the server: uvicorn's, which can also say something before the answer."""

from collections.abc import Iterable

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.operations.request_scope import INTERIM


class InterimProtocol(HttpToolsProtocol):
    """uvicorn's protocol with interim answers, for which ASGI has no message (RFC 9110, 15.2)."""

    def on_message_begin(self) -> None:
        """Lets the handler of this request find how to send one."""
        super().on_message_begin()
        self.scope["extensions"] = {INTERIM: {"send": self._send_interim}}

    def _send_interim(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Sends headers ahead of the answer, to a caller who still listens and knows of such answers."""
        if self.transport.is_closing() or self.scope["http_version"] != "1.1":
            return
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(b"HTTP/1.1 103 Early Hints\r\n" + lines + b"\r\n")
