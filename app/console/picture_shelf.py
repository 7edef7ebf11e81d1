"""Pictures for pages: few are fetched and decoded at a time, and small ones are kept for a while."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from app.console.picture_turns import Turns

# The source has 32 connections, which the answers of callers need as well; each turn may hold a whole picture
# and the answer that names it.
FETCHES: Final = 4
FETCHES_OF_ONE_TEAM: Final = 2
# A job that is looked up comes with its answer, which may hold pictures.
LOOKS: Final = 8
LOOKS_OF_ONE_TEAM: Final = 4
# Whole pictures that are not kept, on their way to those who read them perhaps slowly.
SENDS: Final = 8
SENDS_OF_ONE_TEAM: Final = 2
SHELF_BYTES: Final = 16_000_000
# What a team's retention takes away is not shown from here for much longer.
KEPT_SECONDS: Final = 600.0

# One that could not be had may be there again soon; until then its host is left alone.
MISSED_SECONDS: Final = 60.0
# What an entry takes beside its picture.
ENTRY_BYTES: Final = 300

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as it is handed out; its tag names exactly these bytes."""

    content: bytes
    media_type: str
    tag: str = ""


class PictureShelf:
    """Held by the application for its life; bounded in bytes, in time, and in how much happens at once."""

    def __init__(
        self, *, limit_bytes: int = SHELF_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._kept: OrderedDict[Place, tuple[float, ShownPicture | None]] = OrderedDict()
        self._size_bytes = 0
        self.looking = Turns(at_once=LOOKS, of_one_team=LOOKS_OF_ONE_TEAM)
        self.fetching = Turns(at_once=FETCHES, of_one_team=FETCHES_OF_ONE_TEAM)
        self.sending = Turns(at_once=SENDS, of_one_team=SENDS_OF_ONE_TEAM)

    async def small(
        self, place: Place, make: Callable[[], Awaitable[ShownPicture | None]]
    ) -> ShownPicture | None:
        """The small picture of this place, from memory or made now; None where there is none to be had."""
        if self.knows(place):
            return self.get(place)
        made = await make()
        self.put(place, made)
        return made

    def knows(self, place: Place) -> bool:
        """Whether the picture of this place is kept, or it is known that there is none."""
        found = self._kept.get(place)
        if found is None:
            return False
        kept_at, picture = found
        return self._clock() - kept_at <= (MISSED_SECONDS if picture is None else KEPT_SECONDS)

    def get(self, place: Place) -> ShownPicture | None:
        """What is kept of this place, while it is fresh."""
        if not self.knows(place):
            self._drop(place)
            return None
        self._kept.move_to_end(place)
        return self._kept[place][1]

    def put(self, place: Place, picture: ShownPicture | None) -> None:
        """Keeps a small picture, or that there is none; what nobody has looked at for longest makes room."""
        self._drop(place)
        self._kept[place] = (self._clock(), picture)
        self._size_bytes += _size_of(picture)
        while self._size_bytes > self._limit_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, place: Place) -> None:
        found = self._kept.pop(place, None)
        if found is not None:
            self._size_bytes -= _size_of(found[1])


def _size_of(picture: ShownPicture | None) -> int:
    return ENTRY_BYTES + (0 if picture is None else len(picture.content))
