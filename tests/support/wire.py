"""Requests as bytes on a socket, for what no HTTP client would send."""

import http.client
import json
import socket
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

NO_ANSWER = 0


@dataclass(frozen=True)
class RawAnswer:
    """What came back; the status is 0 when the connection was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def connect(address: str, *, timeout: float = 60.0) -> socket.socket:
    """A connection to the server of this address."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    return socket.create_connection((parts.hostname, parts.port or 80), timeout=timeout)


def exchange(address: str, request: bytes) -> RawAnswer:
    """Sends the bytes, as far as they are taken, and reads one answer."""
    with connect(address) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        # The answer to HEAD announces a body that does not come.
        answer = http.client.HTTPResponse(connection, method="HEAD" if request[:5] == b"HEAD " else None)
        try:
            answer.begin()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return RawAnswer(answer.status, headers, answer.read())
        except (http.client.HTTPException, ConnectionResetError):
            return RawAnswer(NO_ANSWER, {}, b"")
        finally:
            answer.close()
