"""One HTTP exchange with the upstream: a total deadline, a bounded body, no redirects.

httpx gives the types, pyreqwest moves the bytes: `bench/transports.py` has what each costs.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport

from app.upstream.errors import AnswerTooLargeError, NoAnswerError, NotSentError

USER_AGENT = "fluxgate"

# Shorter than any server keeps an idle connection (uvicorn: 5 s): a submit on a connection that the other
# side is just closing would be ambiguous.
IDLE_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the upstream."""

    status_code: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """A pool of connections to the one configured upstream."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, total_seconds: float) -> None:
        self._transport = transport
        self._total_seconds = total_seconds

    @classmethod
    def connect(cls, *, connections: int, connect_seconds: float, total_seconds: float) -> "Transport":
        """Prepares the pool; the first connection is made with the first exchange."""
        client = (
            ClientBuilder()
            .user_agent(USER_AGENT)
            .follow_redirects(enable=False)
            .referer(enable=False)
            .max_connections(connections)
            .connect_timeout(timedelta(seconds=connect_seconds))
            .pool_timeout(timedelta(seconds=connect_seconds))
            .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
            .build()
        )
        return cls(HttpxTransport(client), total_seconds=total_seconds)

    async def exchange(self, request: httpx.Request, *, limit_bytes: int) -> Answer:
        """Sends the request and reads the whole answer.

        Raises:
            NotSentError: nothing reached the upstream.
            NoAnswerError: something may have reached it, and no whole answer came in time.
            AnswerTooLargeError: the body is larger than `limit_bytes`.
        """
        try:
            async with asyncio.timeout(self._total_seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    body = await _read(response, limit_bytes)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSentError(str(error) or type(error).__name__) from error
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            raise NoAnswerError(str(error) or type(error).__name__) from error
        return Answer(response.status_code, response.headers, body)

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.aclose()


async def _read(response: httpx.Response, limit_bytes: int) -> bytes:
    declared = response.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit_bytes:
        raise AnswerTooLargeError(f"{declared} bytes were announced, at most {limit_bytes} are read")
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > limit_bytes:
            raise AnswerTooLargeError(f"more than {limit_bytes} bytes came")
        chunks.append(chunk)
    return b"".join(chunks)
