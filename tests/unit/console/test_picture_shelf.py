"""Small pictures are kept for a while, and no more of them than there is room for."""

import pytest

from app.console.picture_shelf import KEPT_SECONDS, PictureShelf, ShownPicture


class Clock:
    """A time that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shown(size: int) -> ShownPicture:
    return ShownPicture(b"x" * size, "image/webp")


def test_those_that_nobody_looks_at_make_room() -> None:
    shelf = PictureShelf(limit_bytes=30)
    for number in range(3):
        shelf.put((str(number), 0), shown(10))
    assert shelf.get(("0", 0)) is not None
    shelf.put(("3", 0), shown(10))
    assert [shelf.get((str(number), 0)) is not None for number in range(4)] == [True, False, True, True]


def test_one_that_is_too_large_is_not_kept() -> None:
    shelf = PictureShelf(limit_bytes=30)
    shelf.put(("a", 0), shown(31))
    assert shelf.get(("a", 0)) is None
    shelf.put(("b", 0), shown(30))
    assert shelf.get(("b", 0)) is not None


def test_nothing_is_kept_for_long() -> None:
    clock = Clock()
    shelf = PictureShelf(clock=clock)
    shelf.put(("a", 0), shown(10))
    clock.now = KEPT_SECONDS
    assert shelf.get(("a", 0)) is not None
    clock.now += 1
    assert shelf.get(("a", 0)) is None


@pytest.mark.parametrize("is_there", [True, False])
async def test_it_is_made_once_when_there_is_one(is_there: bool) -> None:  # a case of the test
    shelf, made = PictureShelf(), []

    async def make() -> ShownPicture | None:
        made.append(1)
        return shown(10) if is_there else None

    for _ in range(3):
        assert (await shelf.small(("a", 0), make) is not None) is is_there
    assert len(made) == (1 if is_there else 3)
