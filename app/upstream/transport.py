"""One HTTP exchange with the upstream: a total deadline, a bounded body, no redirects.

pyreqwest moves the bytes, httpx gives the headers their type: `bench/transports.py` has what each costs.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import DetailedPyreqwestError, PoolTimeoutError
from pyreqwest.response import Response

from app.upstream.errors import AnswerTooLargeError, CutShortError, NoAnswerError, NotSentError
from app.upstream.pieces import PIECE_BYTES, Pieces
from app.upstream.result_room import SMALL_BYTES, Place

USER_AGENT = "fluxgate"

# Shorter than any server keeps an idle connection (uvicorn: 5 s): a submit on a connection that the other
# side is just closing would be ambiguous.
IDLE_SECONDS = 4.0

# The engine's word for a fault before there was a connection. The class of an error proves nothing: it is a
# ConnectError or a ConnectTimeoutError, too, when the connection or the time ends after the request went out.
BEFORE_SENDING = "client error (Connect)"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of the upstream."""

    status_code: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """A pool of connections to the one configured upstream."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @classmethod
    def connect(cls, *, connections: int, connect_seconds: float, total_seconds: float) -> "Transport":
        """Prepares the pool; the first connection is made with the first exchange.

        The deadlines are the engine's own: a call that only asyncio gives up goes on in the engine and keeps
        its place in the pool until the other side ends it. The total counts the wait for that place, too.
        Proxies that the environment names are not used: they would see the key.
        """
        client = (
            ClientBuilder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .follow_redirects(enable=False)
            .referer(enable=False)
            .max_connections(connections)
            .timeout(timedelta(seconds=total_seconds))
            .connect_timeout(timedelta(seconds=connect_seconds))
            .pool_timeout(timedelta(seconds=connect_seconds))
            .pool_idle_timeout(timedelta(seconds=IDLE_SECONDS))
            .build()
        )
        return cls(client)

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes,
        limit_bytes: int,
        place: Place | None = None,
    ) -> Answer:
        """Sends the request and reads the whole answer, a large one where the place can hold it.

        Raises:
            NotSentError: nothing reached the upstream, or not the whole request.
            NoAnswerError: something may have reached it, and no whole answer came in time.
            AnswerTooLargeError: the body is larger than `limit_bytes`.
            NoRoomError: there is no room for it, and it was not read.
        """
        builder = self._client.request(method, url).headers(headers)
        pieces = Pieces(body) if len(body) > PIECE_BYTES else None
        if pieces is None:
            builder = builder.body_bytes(body)
        else:
            builder = builder.header("content-length", str(len(body))).body_stream(pieces)
        try:
            async with builder.build_streamed() as response:
                answered = _headers(response)
                whole = await _read(response, answered, limit_bytes, place)
        except DetailedPyreqwestError as error:
            if pieces is not None and pieces.stop():
                raise CutShortError("the connection ended before the whole request was sent") from error
            raise _fault(error) from error
        return Answer(response.status, answered, whole)

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.close()


async def _read(response: Response, headers: httpx.Headers, limit_bytes: int, place: Place | None) -> bytes:
    """The whole body. What was not announced, and turns out to be large, is taken for the largest."""
    declared = headers.get("content-length", "")
    announced = int(declared) if declared.isdecimal() else 0
    if announced > limit_bytes:
        raise AnswerTooLargeError(f"{declared} bytes were announced, at most {limit_bytes} are read")
    expected = limit_bytes if place is None else min(max(announced, SMALL_BYTES), limit_bytes)
    if place is not None and announced > SMALL_BYTES:
        place.resize(announced)
    body = await response.body_reader.read(expected + 1)
    if body is None:
        return b""
    if len(body) <= expected:
        return bytes(body)
    if place is not None and expected < limit_bytes:
        place.resize(limit_bytes)
        rest = await response.body_reader.read(limit_bytes + 1 - len(body))
        whole = b"".join((body, rest or b""))
        if len(whole) <= limit_bytes:
            place.resize(len(whole))
            return whole
    raise AnswerTooLargeError(f"more than {limit_bytes} bytes came")


def _headers(response: Response) -> httpx.Headers:
    try:
        return httpx.Headers(list(response.headers.items()))
    except ValueError:  # one of them is not ASCII, and pyreqwest then gives none
        return httpx.Headers(_readable(response))


def _readable(response: Response) -> list[tuple[str, str]]:
    """The headers that are text; nobody here asks for any other."""
    pairs: list[tuple[str, str]] = []
    for name in dict.fromkeys(response.headers.keys()):
        with suppress(ValueError):
            pairs += ((name, value) for value in response.get_header_all(name))
    return pairs


def _fault(error: DetailedPyreqwestError) -> NotSentError | NoAnswerError:
    if isinstance(error, PoolTimeoutError):
        return NotSentError("no free connection")
    causes = [cause["message"] for cause in error.details["causes"] or ()]
    words = causes[-1] if causes else error.message
    return NotSentError(words) if BEFORE_SENDING in causes else NoAnswerError(words)
