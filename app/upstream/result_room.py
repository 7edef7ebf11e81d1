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
        wait_seconds: how long one waits at most.
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

    def resize(self, place: "Place", size: int) -> None:
        """Has the place hold so many bytes from now on.

        Raises:
            NoRoomError: they are more than before, and others wait or hold too much; all is as it was.
        """
        more = size - place.held_bytes
        if more > 0 and (self._waiting or self._held_bytes + more > self._limit_bytes):
            raise NoRoomError("there is no room for a large result now")
        self._hold(place, size)
        self._let_in()

    async def wait(self, place: "Place", size: int) -> None:
        """Waits until it is this place's turn to hold so many bytes; it holds nothing meanwhile.

        Raises:
            NoRoomError: it did not come in time, or too many wait; nothing is held.
        """
        self.leave(place)
        if len(self._waiting) >= self._waiting_at_most:
            raise NoRoomError("too many large results wait for room")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((place, size, turn))
        self._let_in()
        is_in = False
        try:
            async with asyncio.timeout(self._wait_seconds):
                await turn
            is_in = True
        except TimeoutError:
            raise NoRoomError("there was no room for a large result in time") from None
        finally:
            if not is_in:
                # The turn may have come in the same moment.
                self.leave(place)

    def leave(self, place: "Place") -> None:
        """Gives back whatever this place holds, or waits for."""
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0] is not place)
        self._hold(place, 0)
        self._let_in()

    def _hold(self, place: "Place", size: int) -> None:
        self._held_bytes += size - place.held_bytes
        place.held_bytes = size

    def _let_in(self) -> None:
        """Those whose turn it is; a smaller one does not overtake a larger one."""
        while self._waiting and self._held_bytes + self._waiting[0][1] <= self._limit_bytes:
            place, size, turn = self._waiting.popleft()
            self._hold(place, size)
            if not turn.done():
                turn.set_result(None)


class Place:
    """What one look holds of the room until the block ends: one result at a time.

    Attributes:
        held_bytes: counted for it now.
    """

    __slots__ = ("_room", "held_bytes")

    def __init__(self, room: ResultRoom) -> None:
        self._room = room
        self.held_bytes = 0

    def resize(self, size: int) -> None:
        """Holds so many bytes from now on.

        Raises:
            NoRoomError: there is no room for them now.
        """
        self._room.resize(self, size)

    async def wait(self, size: int) -> None:
        """Waits for its turn to hold so many bytes.

        Raises:
            NoRoomError: it did not come in time.
        """
        await self._room.wait(self, size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self.held_bytes:
            self._room.leave(self)
