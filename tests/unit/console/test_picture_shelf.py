"""Small pictures are kept for a while, and no more of them than there is room for."""

from app.console.picture_shelf import (
    ENTRY_BYTES,
    KEPT_SECONDS,
    MISSED_SECONDS,
    PictureShelf,
    ShownPicture,
)
from tests.support.clocks import Clock


def shown(size: int) -> ShownPicture:
    """One that takes so much with all that belongs to it."""
    return ShownPicture(b"x" * (size - ENTRY_BYTES), "image/webp")


def test_those_that_nobody_looks_at_make_room() -> None:
    shelf = PictureShelf(limit_bytes=3000)
    for number in range(3):
        shelf.put((str(number), 0), shown(1000))
    assert shelf.get(("0", 0)) is not None
    shelf.put(("3", 0), shown(1000))
    assert [shelf.get((str(number), 0)) is not None for number in range(4)] == [True, False, True, True]


def test_those_that_are_not_there_take_room_as_well() -> None:
    shelf = PictureShelf(limit_bytes=10 * ENTRY_BYTES)
    for number in range(20):
        shelf.put((str(number), 0), None)
    assert [shelf.knows((str(number), 0)) for number in range(20)] == [False] * 10 + [True] * 10


def test_one_that_is_too_large_is_not_kept() -> None:
    shelf = PictureShelf(limit_bytes=3000)
    shelf.put(("a", 0), shown(3001))
    assert shelf.get(("a", 0)) is None
    shelf.put(("b", 0), shown(3000))
    assert shelf.get(("b", 0)) is not None


def test_nothing_is_kept_for_long() -> None:
    clock = Clock()
    shelf = PictureShelf(clock=clock)
    shelf.put(("a", 0), shown(1000))
    clock.seconds = KEPT_SECONDS
    assert shelf.get(("a", 0)) is not None
    clock.seconds += 1
    assert shelf.get(("a", 0)) is None


async def test_it_is_made_once_and_asked_for_again_later_when_there_was_none() -> None:
    clock = Clock()
    shelf, made = PictureShelf(clock=clock), []

    async def make() -> ShownPicture | None:
        made.append(1)
        return shown(1000) if len(made) > 1 else None

    for _ in range(3):
        assert await shelf.small(("a", 0), make) is None
    clock.seconds = MISSED_SECONDS + 1
    for _ in range(3):
        assert await shelf.small(("a", 0), make) is not None
    assert len(made) == 2
