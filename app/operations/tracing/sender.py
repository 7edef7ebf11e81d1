"""Sends ended spans to the collector, in batches beside everything else; what is lost is counted."""

import asyncio
import gzip
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from typing import Final
from urllib.parse import urlsplit

import httpcore
import structlog

from app.operations.metrics import Metrics
from app.operations.tracing.step import Span

log = structlog.get_logger()

WAITING_AT_MOST: Final = 8192
BATCH: Final = 256
PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
CALL_SECONDS: Final = 5.0
FLUSH_SECONDS: Final = 2.0
ANSWER_LIMIT_BYTES: Final = 65_536
# What may be sent again: opentelemetry.io/docs/specs/otlp, "Retryable Response Codes".
AGAIN: Final = frozenset({429, 502, 503, 504})
FAULTS: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)

Encode = Callable[[Sequence[Span]], bytes]


class Outcome(Enum):
    """What became of a batch."""

    SENT = "sent"
    REFUSED = "refused"
    NOT_NOW = "not now"


class Sender:
    """Takes spans without waiting and sends them to one address.

    The library connects to that address and to no other: it knows no proxies and follows nothing.
    """

    def __init__(self, url: str, headers: Mapping[str, str], encode: Encode, metrics: Metrics) -> None:
        self._url = url
        self._headers = {
            "host": urlsplit(url).netloc,
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            "user-agent": "Fluxgate-Traces/1",
            **headers,
        }
        self._encode = encode
        self._metrics = metrics
        self._waiting: deque[Span] = deque()
        self._stopped = asyncio.Event()
        self._is_away = False

    def take(self, span: Span) -> None:
        """Sends this span some time; where too many wait, the newest are lost."""
        if len(self._waiting) >= WAITING_AT_MOST:
            self._metrics.spans("dropped", 1)
        else:
            self._waiting.append(span)

    def stop(self) -> None:
        """Lets `run` return after one more try at all that waits."""
        self._stopped.set()

    async def run(self) -> None:
        """Sends what waits, again and again until `stop`."""
        pause_seconds = PAUSE_SECONDS
        async with httpcore.AsyncConnectionPool(max_connections=1) as pool:
            while not self._stopped.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), pause_seconds)
                if self._stopped.is_set():
                    break
                is_away = not await self._send_all(pool)
                pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS) if is_away else PAUSE_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._send_all(pool)
        if self._waiting:
            log.warning("traces.dropped", spans=len(self._waiting))
            self._metrics.spans("dropped", len(self._waiting))

    async def _send_all(self, pool: httpcore.AsyncConnectionPool) -> bool:
        """Sends batch after batch; False when the collector takes none now."""
        while self._waiting:
            batch = [self._waiting[i] for i in range(min(BATCH, len(self._waiting)))]
            outcome = await self._send(pool, batch)
            self._tell(is_away=outcome is Outcome.NOT_NOW)
            if outcome is Outcome.NOT_NOW:
                return False
            for _ in batch:
                self._waiting.popleft()
            self._metrics.spans("sent" if outcome is Outcome.SENT else "dropped", len(batch))
        return True

    async def _send(self, pool: httpcore.AsyncConnectionPool, batch: Sequence[Span]) -> Outcome:
        try:
            body = await asyncio.to_thread(self._packed, batch)
        except (TypeError, ValueError):
            log.exception("traces.unreadable")
            return Outcome.REFUSED
        try:
            async with (
                asyncio.timeout(CALL_SECONDS),
                pool.stream("POST", self._url, headers=self._headers_for(body), content=body) as answer,
            ):
                await _read(answer)
        except (TimeoutError, *FAULTS) as fault:
            log.debug("traces.not_sent", reason=repr(fault))
            return Outcome.NOT_NOW
        if answer.status in AGAIN:
            return Outcome.NOT_NOW
        if 200 <= answer.status < 300:
            return Outcome.SENT
        log.warning("traces.refused", status=answer.status)
        return Outcome.REFUSED

    def _packed(self, batch: Sequence[Span]) -> bytes:
        return gzip.compress(self._encode(batch), compresslevel=1)

    def _headers_for(self, body: bytes) -> list[tuple[str, str]]:
        return [*self._headers.items(), ("content-length", str(len(body)))]

    def _tell(self, *, is_away: bool) -> None:
        if is_away is not self._is_away:
            self._is_away = is_away
            if is_away:
                log.warning("traces.unavailable")
            else:
                log.info("traces.available")


async def _read(answer: httpcore.Response) -> None:
    """Reads the answer to its end, so that the connection is kept; a long one is left, and costs that."""
    size = 0
    async for part in answer.aiter_stream():
        size += len(part)
        if size > ANSWER_LIMIT_BYTES:
            return
