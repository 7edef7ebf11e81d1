"""Connections to PostgreSQL that statements take turns on; of those that are free the oldest is used next.

The driver's own pool makes a task and two deadlines of each return: half of the CPU of a short statement, of
which a lone job passes four. Here a statement that ends well costs a pop and a push.

Each connection has plans of its own, and making those of a job takes PostgreSQL as long as a hundred jobs do:
what was opened for a moment in which much came together is left alone until the next such moment.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from heapq import heappop, heappush
from types import TracebackType
from typing import Final

import asyncpg

# What nobody has used for so long may have been forgotten by whatever stands between us and the server.
IDLE_SECONDS: Final = 300.0
# How long a server may take to stop a statement before its connection is given up: whoever asked for that
# statement, and all who wait for the next batch, wait for this as well.
MEND_SECONDS: Final = 1.0

# How a connection fails, beside the server's own errors.
FAULTS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class ConnectionPool:
    """At most `size` connections, each opened when there is none to spare.

    Args:
        connect: opens one; it has a deadline of its own.
        size: how many there are at most.
        timeout_seconds: how long one may be waited for.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncpg.Connection]], *, size: int, timeout_seconds: float
    ) -> None:
        self._connect = connect
        self._size = size
        self._timeout_seconds = timeout_seconds
        self._places_taken = 0
        self._opened = 0
        self._numbers: dict[asyncpg.Connection, int] = {}
        self._free: list[tuple[int, float, asyncpg.Connection]] = []
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._is_closed = False

    def lend(self) -> "_Loan":
        """A connection for the length of a block.

        Raises:
            TimeoutError: none became free in time, or none could be opened in time.
            OSError, asyncpg.PostgresError: it could not be opened.
        """
        return _Loan(self)

    async def close(self) -> None:
        """Closes what is free now; what is lent is closed when it comes back."""
        self._is_closed = True
        while self._free:
            _, _, connection = self._free.pop()
            with suppress(*FAULTS):
                await connection.close(timeout=self._timeout_seconds)

    async def take(self) -> asyncpg.Connection:
        """A connection that works as far as is known; it has to be given back."""
        while self._free:
            _, freed_at, connection = heappop(self._free)
            if time.monotonic() - freed_at > IDLE_SECONDS:
                connection.terminate()
            if not connection.is_closed():
                return connection
            self._forget(connection)
            self._places_taken -= 1
        if self._places_taken >= self._size:
            connection = await self._wait()
            if connection is not None:
                return connection
        else:
            self._places_taken += 1
        return await self._open()

    def give_back(self, connection: asyncpg.Connection) -> None:
        """Lets the next one have it; one that is closed leaves its place."""
        if self._is_closed:
            connection.terminate()
        if connection.is_closed():
            self._forget(connection)
            self._leave_place()
        elif (waiter := self._next_waiter()) is not None:
            waiter.set_result(connection)
        else:
            heappush(self._free, (self._numbers[connection], time.monotonic(), connection))

    async def mend(self, connection: asyncpg.Connection) -> None:
        """Gives a connection back on which a statement failed, or was broken off and may be going on."""
        is_idle = False
        try:
            with suppress(*FAULTS):
                async with asyncio.timeout(min(MEND_SECONDS, self._timeout_seconds)):
                    # Without a limit the driver waits before it for the end of what was broken off. Whether a
                    # transaction is open is known of the last answer, and a failed one takes no other word.
                    if not _is_in_transaction(connection):
                        await connection.execute("SELECT")
                    if _is_in_transaction(connection):
                        await connection.execute("ROLLBACK")
                is_idle = True
        finally:
            if not is_idle:
                connection.terminate()
            self.give_back(connection)

    async def _open(self) -> asyncpg.Connection:
        connection = None
        try:
            connection = await self._connect()
        finally:
            if connection is None:
                self._leave_place()
        self._opened += 1
        self._numbers[connection] = self._opened
        return connection

    def _forget(self, connection: asyncpg.Connection) -> None:
        """It is closed."""
        self._numbers.pop(connection, None)

    async def _wait(self) -> asyncpg.Connection | None:
        """The next connection that comes back, or None for a place that has become free."""
        waiter: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        has_come = False
        try:
            async with asyncio.timeout(self._timeout_seconds):
                connection = await waiter
                has_come = True
        finally:
            if not has_come:
                self._withdraw(waiter)
        return connection

    def _withdraw(self, waiter: asyncio.Future[asyncpg.Connection | None]) -> None:
        """Nobody waits here any more; what was given in the same moment goes to somebody else."""
        if not waiter.done() or waiter.cancelled():
            waiter.cancel()
        elif (connection := waiter.result()) is not None:
            self.give_back(connection)
        else:
            self._leave_place()

    def _leave_place(self) -> None:
        waiter = self._next_waiter()
        if waiter is None:
            self._places_taken -= 1
        else:
            waiter.set_result(None)

    def _next_waiter(self) -> asyncio.Future[asyncpg.Connection | None] | None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                return waiter
        return None


def _is_in_transaction(connection: asyncpg.Connection) -> bool:
    """Of one that the driver has ended, as it does when a server does not stop what it should, nothing is."""
    return not connection.is_closed() and bool(connection.is_in_transaction())


class _Loan:
    """One connection from the begin of a block to its end."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    async def __aenter__(self) -> asyncpg.Connection:
        self._connection = await self._pool.take()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._pool.give_back(self._connection)
        else:
            await self._pool.mend(self._connection)
