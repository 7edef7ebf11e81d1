"""Jobs whose recording was not confirmed and that were therefore not sent: whatever came of them is undone.

When the connection to PostgreSQL is lost around a commit nobody can say whether the rows are there. The
caller is told that nothing was sent, which is true; a row that is there all the same would hold its money,
become `unknown` when its lease is over, and in the end be charged.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from app.errors import StorageUnavailable
from app.jobs.job import Move

log = structlog.get_logger()

PAUSE_SECONDS = 0.5


class Disowned:
    """Ends such jobs in the background.

    Args:
        move: writes moves and tells which of them changed something.
        patience_seconds: how long a row may still appear; the lease, after which the follower decides.
    """

    def __init__(
        self, move: Callable[[Sequence[Move]], Awaitable[Sequence[bool]]], *, patience_seconds: float
    ) -> None:
        self._move = move
        self._patience_seconds = patience_seconds
        self._waiting: list[tuple[Move, float]] = []
        self._changed = asyncio.Event()
        self._is_stopping = False

    def add(self, end: Move) -> None:
        """Has this job ended as soon as it appears."""
        self._waiting.append((end, time.monotonic() + self._patience_seconds))
        self._changed.set()

    def stop(self) -> None:
        """Lets `serve` return after one more try."""
        self._is_stopping = True
        self._changed.set()

    async def serve(self) -> None:
        """Tries again and again until `stop`; the lifespan keeps this in its task group."""
        while not self._is_stopping:
            await self._changed.wait()
            await self._try_all()
            if not self._waiting and not self._is_stopping:
                self._changed.clear()
            elif not self._is_stopping:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try_all(self) -> None:
        tried, self._waiting = self._waiting, []
        if not tried:
            return
        try:
            ended = await self._move([end for end, _ in tried])
        except StorageUnavailable:
            ended = [False] * len(tried)
        now = time.monotonic()
        for (end, until), is_ended in zip(tried, ended, strict=True):
            if is_ended:
                log.warning("submit.undone", job_id=str(end.job_id))
            elif now < until:
                self._waiting.append((end, until))
