"""Pictures for pages: few are fetched and decoded at a time, and small ones are kept for a while."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

# The source has 32 connections, which the answers of callers need as well.
FETCHES: Final = 4
SHELF_BYTES: Final = 16_000_000
# What a team's retention takes away is not shown from here for much longer.
KEPT_SECONDS: Final = 600.0

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as it is handed out."""

    content: bytes
    media_type: str


class PictureShelf:
    """Held by the application for its life; bounded in bytes, in time, and in how much happens at once."""

    def __init__(
        self, *, limit_bytes: int = SHELF_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._kept: OrderedDict[Place, tuple[float, ShownPicture]] = OrderedDict()
        self._size_bytes = 0
        self.fetching = asyncio.Semaphore(FETCHES)
        self.decoding = asyncio.Lock()

    async def small(
        self, place: Place, make: Callable[[], Awaitable[ShownPicture | None]]
    ) -> ShownPicture | None:
        """The small picture of this place, from memory or made now; None where there is none to be had."""
        kept = self.get(place)
        if kept is not None:
            return kept
        made = await make()
        if made is not None:
            self.put(place, made)
        return made

    def get(self, place: Place) -> ShownPicture | None:
        """What is kept of this place, while it is fresh."""
        found = self._kept.get(place)
        if found is None:
            return None
        kept_at, picture = found
        if self._clock() - kept_at > KEPT_SECONDS:
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return picture

    def put(self, place: Place, picture: ShownPicture) -> None:
        """Keeps a small picture; those that nobody has looked at for longest make room."""
        self._drop(place)
        self._kept[place] = (self._clock(), picture)
        self._size_bytes += len(picture.content)
        while self._size_bytes > self._limit_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: Place) -> None:
        found = self._kept.pop(place, None)
        if found is not None:
            self._size_bytes -= len(found[1].content)
