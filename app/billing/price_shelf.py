"""The prices that count now, without a question to the database for each request."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import structlog

from app.billing.prices import PriceBook
from app.errors import StartupError, StorageUnavailable

REMEMBER_SECONDS = 5.0

log = structlog.get_logger()


class PriceSource(Protocol):
    """Where the prices are stored."""

    async def current(self) -> PriceBook:
        """The newest version."""


class PriceShelf:
    """Keeps the newest version for five seconds, so every process uses a new one by then.

    When the database is away, or the newest version cannot be read, the last good one stays in use: a job
    cannot be recorded without the database anyway, and a wrong price would be worse than yesterday's.
    """

    def __init__(self, repository: PriceSource, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._repository = repository
        self._clock = clock
        self._book: PriceBook | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def current(self) -> PriceBook:
        """The prices that count now; of many who ask at once, one asks the database.

        Raises:
            StartupError: there never was a version that can be read.
            StorageUnavailable: no version is known and the database does not answer.
        """
        if self._book is not None and self._clock() < self._until:
            return self._book
        async with self._asking:
            if self._book is None or self._clock() >= self._until:
                # The clock starts before the question: the answer may be as old as the question.
                until = self._clock() + REMEMBER_SECONDS
                self._book = await self._ask()
                self._until = until
            return self._book

    async def _ask(self) -> PriceBook:
        try:
            return await self._repository.current()
        except StorageUnavailable:
            if self._book is None:
                raise
            return self._book
        except StartupError as error:
            if self._book is None:
                raise
            log.error("prices.unreadable", reason=str(error), version_in_use=self._book.version)  # noqa: TRY400 # no traceback of ours
            return self._book
