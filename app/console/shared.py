"""One answer for all who look at the same moment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

KEPT_AT_MOST: Final = 500


@dataclass(slots=True)
class _Place(Generic[Found]):
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked_at: float = 0.0
    found: Found | None = None


class Shared(Generic[Key, Found]):
    """Asks at most once in so many seconds for each key, however many want to know.

    Whoever comes while the question is under way waits for its answer; when it fails, or whoever asked has
    gone, the next of them asks anew.
    """

    def __init__(self, fresh_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._places: dict[Key, _Place[Found]] = {}

    async def get(self, key: Key, ask: Callable[[], Awaitable[Found]]) -> Found:
        """What was found lately for this key, or what `ask` finds now."""
        place = self._places.get(key)
        if place is None:
            self._make_room()
            place = self._places[key] = _Place()
        async with place.lock:
            if place.found is not None and self._is_fresh(place):
                return place.found
            asked_at = self._clock()
            found = await ask()
            place.found, place.asked_at = found, asked_at
            return found

    def __len__(self) -> int:
        """How many answers are kept."""
        return len(self._places)

    def _is_fresh(self, place: _Place[Found]) -> bool:
        return self._clock() - place.asked_at < self._fresh_seconds

    def _make_room(self) -> None:
        """Forgets what is old once there is much."""
        if len(self._places) >= KEPT_AT_MOST:
            self._places = {
                key: place
                for key, place in self._places.items()
                if place.lock.locked() or self._is_fresh(place)
            }
