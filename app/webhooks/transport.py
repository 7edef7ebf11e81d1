"""One webhook over one connection: to a checked address, bounded in time and bytes; nothing is followed."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from contextlib import suppress
from time import monotonic
from typing import Final

import httpcore

from app.upstream.headers import retry_after_seconds
from app.upstream.pieces import Pieces
from app.webhooks.address import Address
from app.webhooks.backoff import LONGEST_ASKED_SECONDS
from app.webhooks.delivery import Tried
from app.webhooks.guard import CONNECT_SECONDS, BlockedError, Guard
from app.webhooks.resolve import UnresolvedError

USER_AGENT: Final = "Fluxgate-Webhook/1"

# Few words, so that nobody learns from them what is behind an address that is not public: whatever keeps a
# connection from being made is the same word.
NOT_REACHED: Final = "the receiver could not be reached"
TOO_SLOW: Final = "the receiver did not answer in time"
BROKEN: Final = "the receiver broke the connection off or did not answer in HTTP"
NOT_TRUSTED: Final = "the receiver's certificate is not valid"
NO_TLS: Final = "no TLS connection could be made with the receiver"

FAULTS: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)


class WebhookTransport:
    """Sends webhooks; holds no connection between two of them."""

    def __init__(self, guard: Guard, *, total_seconds: float, answer_limit_bytes: int) -> None:
        self._network = GuardedNetwork(guard, httpcore.AnyIOBackend(), limit_bytes=answer_limit_bytes)
        self._total_seconds = total_seconds
        # Reading the certificates takes longer than a whole delivery.
        self._tls = httpcore.default_ssl_context()

    async def post(self, address: Address, headers: Mapping[str, str], body: bytes) -> Tried:
        """Sends one webhook. The head of the answer decides; the rest is read so far and then left."""
        started = monotonic()
        status_code: int | None = None
        error: str | None = None
        cause: str | None = None
        asked: float | None = None
        try:
            async with (
                asyncio.timeout(self._total_seconds),
                httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool,
                pool.stream(
                    "POST",
                    _url(address),
                    headers=_headers(address, headers, len(body)),
                    # Whole, a large body would be copied for a receiver that takes its time.
                    content=Pieces(body),
                    extensions={"timeout": {"connect": CONNECT_SECONDS}},
                ) as answer,
            ):
                status_code = answer.status
                asked = _asked(answer.headers)
                async for _ in answer.aiter_stream():
                    continue
        except (BlockedError, UnresolvedError, TimeoutError, *FAULTS) as fault:
            if status_code is None:
                error, cause = _words(fault), repr(fault)
        return Tried(status_code, error, round((monotonic() - started) * 1000), cause, asked)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to addresses that the guard gave for the name, and to no other.

    The name is resolved here, once, and the connection goes to what was resolved: there is no second question
    to a name server that a different answer could be given to. Certificates are checked for the name.
    """

    def __init__(self, guard: Guard, inner: httpcore.AsyncNetworkBackend, *, limit_bytes: int) -> None:
        self._guard = guard
        self._inner = inner
        self._limit_bytes = limit_bytes

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 # the library's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's addresses that takes one."""
        addresses = await self._guard.addresses_of(host, port)
        for address in addresses[:-1]:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return self._bounded(
                    await self._inner.connect_tcp(str(address), port, timeout, local_address, socket_options)
                )
        last = str(addresses[-1])
        return self._bounded(
            await self._inner.connect_tcp(last, port, timeout, local_address, socket_options)
        )

    def _bounded(self, stream: httpcore.AsyncNetworkStream) -> "_BoundedStream":
        return _BoundedStream(stream, self._limit_bytes)


class _BoundedStream(httpcore.AsyncNetworkStream):
    """A connection that is at its end after so many bytes of an answer, head included."""

    def __init__(self, inner: httpcore.AsyncNetworkStream, left_bytes: int) -> None:
        self._inner = inner
        self._left_bytes = left_bytes

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 # the library's signature
        if self._left_bytes <= 0:
            raise httpcore.ReadError("the answer is longer than is read")
        data = await self._inner.read(min(max_bytes, self._left_bytes), timeout)
        self._left_bytes -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 # the library's signature
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 # the library's signature
    ) -> httpcore.AsyncNetworkStream:
        inner = await self._inner.start_tls(ssl_context, server_hostname, timeout)
        return _BoundedStream(inner, self._left_bytes)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _url(address: Address) -> httpcore.URL:
    """The parts as they are: nobody reads the text of the address a second time."""
    return httpcore.URL(
        scheme=address.scheme, host=address.host, port=address.port, target=address.path.encode()
    )


def _headers(address: Address, headers: Mapping[str, str], length: int) -> list[tuple[str, str]]:
    own = {
        "host": address.authority,
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
        "content-type": "application/json",
        "content-length": str(length),
        "connection": "close",
    }
    return [*own.items(), *headers.items()]


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """For how long the receiver asks to be left alone."""
    texts = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    return retry_after_seconds(texts, longest_seconds=LONGEST_ASKED_SECONDS)


def _words(fault: Exception) -> str:
    """What the owner of a webhook is told about a fault."""
    if isinstance(fault, TimeoutError | httpcore.TimeoutException):
        return TOO_SLOW
    reason = fault.__cause__ or fault.__context__
    if isinstance(reason, ssl.SSLError):
        return NOT_TRUSTED if isinstance(reason, ssl.SSLCertVerificationError) else NO_TLS
    if isinstance(fault, BlockedError | UnresolvedError | httpcore.ConnectError):
        return NOT_REACHED
    return BROKEN
