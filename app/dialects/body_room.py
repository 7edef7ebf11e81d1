"""How many bytes of large bodies one process holds at once, of all requests together.

A body of 25 MB is in memory from its first byte until the job is handed over, and somebody who may send one
may send a hundred at once. Small ones are not counted: connections bound them.
"""

from starlette.requests import Request

from app.errors import RateLimited
from app.operations.request_scope import ON_END

UNCOUNTED_BYTES = 65_536
RETRY_AFTER_SECONDS = 2


class BodyRoom:
    """Room for the bytes that have come, given back when their request ends."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    def take(self, size: int) -> None:
        """Counts so many bytes more.

        Raises:
            RateLimited: there is no room for them; nothing was counted.
        """
        if self._held_bytes + size > self._limit_bytes:
            raise RateLimited(
                f"This gateway holds {self._limit_bytes} bytes of large bodies at once, and no more now.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        self._held_bytes += size

    def give_back(self, size: int) -> None:
        """Counts so many bytes less."""
        self._held_bytes -= size


def hold(request: Request, size: int) -> None:
    """Counts a request's body, of which so much has come by now, until the request has ended.

    Raises:
        RateLimited: there is no room for it.
    """
    held = request.scope.get(ON_END)
    if not isinstance(held, _Held):
        held = request.scope[ON_END] = _Held(request.app.state.body_room)
    held.grow_to(size)


def let_go(request: Request) -> None:
    """Gives the room back before the request has ended, for one that waits and needs its body no more."""
    held = request.scope.get(ON_END)
    if isinstance(held, _Held):
        held()


class _Held:
    """What one request has in the room."""

    def __init__(self, room: BodyRoom) -> None:
        self._room = room
        self._bytes = 0

    def grow_to(self, size: int) -> None:
        self._room.take(size - self._bytes)
        self._bytes = size

    def __call__(self) -> None:
        self._room.give_back(self._bytes)
        self._bytes = 0
