"""The HTTP protocol of the server: uvicorn's, with what callers need beyond it."""

import re
from collections.abc import Iterable
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.operations.request_scope import INTERIM

HEAD_END: Final = b"\r\n\r\n"
UPGRADE: Final = re.compile(rb"\r\n[Uu]pgrade:")


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


def without_offer(data: bytes) -> bytes:
    """The start of a request without the offer of another protocol in its head; it keeps its length. Pure.

    A server may go on in HTTP/1.1 (RFC 9110, 7.8), but the parser takes what follows such a head for the
    other protocol, and so the body is lost: that of every POST by Java's own HttpClient, which offers HTTP/2
    to any plain address.
    """
    head, end, rest = data.partition(HEAD_END)
    if not end:
        return data
    return UPGRADE.sub(b"\r\nX-grade:", head) + end + rest
