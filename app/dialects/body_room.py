"""How many bytes of large bodies one process holds at once, of all requests together.

A body of 25 MB is in memory from its first byte until the job is handed over, and somebody who may send one
may send a hundred at once. Nobody takes the room of all others: what one key brings, and whoever has a
browser token or an upload's address of it, has a share. Small bodies are not counted: connections bound them.
"""

from typing import Final
from uuid import UUID

from starlette.requests import Request

from app.errors import RateLimited
from app.operations.request_scope import ON_END

UNCOUNTED_BYTES: Final = 65_536
RETRY_AFTER_SECONDS: Final = 2
OWNERS_AT_LEAST: Final = 4


class BodyRoom:
    """Room for the bytes that have come, given back when their request ends."""

    def __init__(self, limit_bytes: int, largest_bytes: int) -> None:
        """A share is a quarter of the room, and never less than the largest body that is taken at all."""
        self._limit_bytes = limit_bytes
        self._share_bytes = max(limit_bytes // OWNERS_AT_LEAST, largest_bytes)
        self._held_bytes = 0
        self._of_owners: dict[UUID | None, int] = {}

    def __len__(self) -> int:
        """How many owners hold something."""
        return len(self._of_owners)

    def take(self, size: int, owner: UUID | None) -> None:
        """Counts so many bytes more of this owner.

        Raises:
            RateLimited: there is no room for them; nothing was counted.
        """
        owned = self._of_owners.get(owner, 0) + size
        if owned > self._share_bytes:
            raise _full(f"{self._share_bytes} bytes of large bodies that come with one key")
        if self._held_bytes + size > self._limit_bytes:
            raise _full(f"{self._limit_bytes} bytes of large bodies")
        self._held_bytes += size
        self._of_owners[owner] = owned

    def give_back(self, size: int, owner: UUID | None) -> None:
        """Counts so many bytes less; an owner of nothing is forgotten."""
        self._held_bytes -= size
        left = self._of_owners.pop(owner, 0) - size
        if left > 0:
            self._of_owners[owner] = left


def _full(what: str) -> RateLimited:
    return RateLimited(
        f"This gateway holds {what} at once, and no more now.", retry_after_seconds=RETRY_AFTER_SECONDS
    )


def hold(request: Request, size: int, owner: UUID | None) -> None:
    """Counts a request's body, of which so much has come by now, until the request has ended.

    Raises:
        RateLimited: there is no room for it.
    """
    held = request.scope.get(ON_END)
    if not isinstance(held, _Held):
        held = request.scope[ON_END] = _Held(request.app.state.body_room, owner)
    held.grow_to(size)


def let_go(request: Request) -> None:
    """Gives the room back before the request has ended, for one that waits and needs its body no more."""
    held = request.scope.get(ON_END)
    if isinstance(held, _Held):
        held()


class _Held:
    """What one request has in the room."""

    def __init__(self, room: BodyRoom, owner: UUID | None) -> None:
        self._room = room
        self._owner = owner
        self._bytes = 0

    def grow_to(self, size: int) -> None:
        self._room.take(size - self._bytes, self._owner)
        self._bytes = size

    def __call__(self) -> None:
        self._room.give_back(self._bytes, self._owner)
        self._bytes = 0
