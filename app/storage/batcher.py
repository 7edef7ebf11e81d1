"""Group commit, and its twin for reads: what many callers ask for at once is done by one statement.

Each caller waits for the batch that holds its own item, so an answer never runs ahead of its commit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from types import TracebackType
from typing import Generic, Self, TypeVar

from app.errors import StorageUnavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Collects items and hands them to `run`, which returns one answer per item in the same order.

    While one batch runs the next collects, so batches grow with the load by themselves. A batch that is
    not the first of a burst waits `wait_seconds` for company; a lone caller never waits. It is a burst when
    the batch before had more than one item, or ended less than `burst_seconds` ago.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        wait_seconds: float,
        burst_seconds: float = 0.0,
        limit: int = 256,
    ) -> None:
        self._run = run
        self._wait_seconds = wait_seconds
        self._burst_seconds = burst_seconds
        self._burst_until = 0.0
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._arrived = asyncio.Event()
        self._is_stopping = False

    async def ask(self, item: Item) -> Answer:
        """Puts the item into the next batch and waits for its answer.

        Raises:
            StorageUnavailable: the batch could not be run, or the gateway is stopping.
        """
        if self._is_stopping:
            raise StorageUnavailable("The gateway is stopping.", retry_after_seconds=1)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        self._arrived.set()
        return await future

    def stop(self) -> None:
        """Lets `serve` return once everything that was asked for is done."""
        self._is_stopping = True
        self._arrived.set()

    async def serve(self) -> None:
        """Runs batches until `stop`; the lifespan keeps this in its task group."""
        while True:
            await self._arrived.wait()
            if time.monotonic() < self._burst_until and len(self._waiting) < self._limit:
                await asyncio.sleep(self._wait_seconds)
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            if not self._waiting:
                self._arrived.clear()
            if batch:
                await self._settle(batch)
                self._burst_until = inf if len(batch) > 1 else time.monotonic() + self._burst_seconds
                # It may hold megabytes, and the next one may be long in coming.
                del batch
            elif self._is_stopping:
                return
            if self._is_stopping:
                self._arrived.set()

    async def _settle(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        answers: Sequence[Answer] = ()
        with (fault := _Fault()):
            answers = await self._run([item for item, _ in batch])
        if fault.error is None:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        elif len(batch) == 1 or isinstance(fault.error, StorageUnavailable):
            for _, future in batch:
                _fail(future, fault.error)
        else:
            # One bad row must not take its neighbours with it.
            for pair in batch:
                await self._settle([pair])


class _Fault:
    """Holds a fault of any kind for those who wait.

    `gather` does the same with a task for each batch, which made a batch of one cost three times as much.
    """

    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
        return self.error is not None


def _fail(future: asyncio.Future[Answer], error: BaseException) -> None:
    """A caller that has gone away no longer waits; its row was tried all the same."""
    if not future.done():
        future.set_exception(error)
