"""How many bytes of large results one process reads from the upstream and writes down at the same time.

A result with pictures in it has some megabytes, and a worker looks at a hundred jobs side by side. A large
one is read when there is room for it, in the order of arrival, and keeps its room until the look that read it
has been written. Small ones are not counted: the number of looks bounds them.
"""

import asyncio
from collections import deque
from types import TracebackType
from typing import Final, Self

from app.upstream.errors import NoRoomError

SMALL_BYTES: Final = 65_536


class ResultRoom:
    """Room for the bytes of large results.

    Whoever waits holds nothing, and whoever holds something waits for nobody here, so all come in at last.

    Args:
        limit_bytes: not less than the largest result.
        wait_seconds: how long one waits at most; its answer stands unread meanwhile, and its time runs.
        waiting_at_most: how many wait; others have their looks for those whose results are small.
    """

    def __init__(self, limit_bytes: int, *, wait_seconds: float, waiting_at_most: int) -> None:
        self._limit_bytes = limit_bytes
        self._wait_seconds = wait_seconds
        self._waiting_at_most = waiting_at_most
        self._held_bytes = 0
        self._waiting: deque[tuple[Place, int, asyncio.Future[None]]] = deque()

    def place(self) -> "Place":
        """For one look; nothing is held by it yet."""
        return Place(self)

    async def enter(self, place: "Place", size: int) -> None:
        """Waits until there is room for so many bytes, and holds them for this place.

        Raises:
            NoRoomError: there was none in time; nothing is held.
        """
        if not self._waiting and self._held_bytes + size <= self._limit_bytes:
            self._hold(place, size)
            return
        if len(self._waiting) >= self._waiting_at_most:
            raise NoRoomError("too many large results wait for room")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((place, size, turn))
        place.has_waited = True
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
        except TimeoutError:
            # The turn may have come in the same moment.
            self.leave(place)
            raise NoRoomError("there was no room for a large result in time") from None

    def shrink(self, place: "Place", size: int) -> None:
        """Gives back all but so many bytes."""
        self._held_bytes -= place.held_bytes - size
        place.held_bytes = size
        self._let_in()

    def leave(self, place: "Place") -> None:
        """Gives back whatever this place holds, or waits for."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] is not place)
        self.shrink(place, 0)

    def _hold(self, place: "Place", size: int) -> None:
        place.held_bytes = size
        self._held_bytes += size

    def _let_in(self) -> None:
        """Those whose turn it is; a smaller one does not overtake a larger one."""
        while self._waiting and self._held_bytes + self._waiting[0][1] <= self._limit_bytes:
            place, size, turn = self._waiting.popleft()
            self._hold(place, size)
            if not turn.done():
                turn.set_result(None)


class Place:
    """What one look holds of the room, until the block ends: one result at a time.

    Attributes:
        held_bytes: counted for it now.
        has_waited: whether there was no room for it at once.
    """

    __slots__ = ("_room", "has_waited", "held_bytes")

    def __init__(self, room: ResultRoom) -> None:
        self._room = room
        self.held_bytes = 0
        self.has_waited = False

    async def take(self, size: int) -> None:
        """Waits for room; what was held before is given back first.

        Raises:
            NoRoomError: there was none in time.
        """
        self._leave()
        await self._room.enter(self, size)

    def shrink(self, size: int) -> None:
        """Gives back what turned out not to be needed."""
        self._room.shrink(self, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        if self.held_bytes or self.has_waited:
            self._room.leave(self)
