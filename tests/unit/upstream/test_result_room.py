"""Room for large results: in order of arrival, for so long and for so many, and given back in any case."""

import asyncio

import pytest

from app.upstream.errors import NoRoomError
from app.upstream.result_room import Place, ResultRoom


class Looks:
    """Looks that want room of a hundred bytes, by their names."""

    def __init__(self, *, wait_seconds: float = 60.0, waiting_at_most: int = 9) -> None:
        self.room = ResultRoom(100, wait_seconds=wait_seconds, waiting_at_most=waiting_at_most)
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.places: dict[str, Place] = {}
        self.may_end: dict[str, asyncio.Event] = {}

    async def do(self, order: str) -> None:
        """`a60` wants sixty bytes, `a=5` holds five from now on, `a!` is cancelled, `a.` ends."""
        name, word = order[0], order[1:]
        if word.isdigit():
            self.may_end[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._look(name, int(word)))
        elif word == "!":
            self.tasks[name].cancel()
        elif word == ".":
            self.may_end[name].set()
        else:
            self.places[name].resize(int(word[1:]))
        for _ in range(5):
            await asyncio.sleep(0)

    async def _look(self, name: str, size: int) -> None:
        with self.room.place() as place:
            await place.wait(size)
            self.places[name] = place
            try:
                await self.may_end[name].wait()
            finally:
                del self.places[name]

    @property
    def inside(self) -> str:
        """Who has room."""
        return "".join(sorted(self.places))


@pytest.mark.parametrize(
    ("orders", "inside"),
    [
        ("a60 b40", "ab"),
        ("a60 b41", "a"),
        ("a100 b100 c100 a.", "b"),
        ("a100 b100 c100 a. b.", "c"),
        ("a60 b60 c40", "a"),  # nobody overtakes
        ("a60 b60 c40 a.", "bc"),
        ("a60 b60 c40 b!", "ac"),
        ("a60 b60 c40 d60 b! a.", "cd"),
        ("a60 b60 a!", "b"),
        ("a100 b30 c60 d20 a=10", "abc"),
        ("a100 b100 a! b! c100", "c"),
        ("a100 b100 b! a. c50 d50", "cd"),
        ("a100 b100 c100 d100 c! a. b.", "d"),
    ],
)
async def test_who_has_room_after_these(orders: str, inside: str) -> None:
    looks = Looks()
    for order in orders.split():
        await looks.do(order)
    assert looks.inside == inside
    for name in looks.tasks:
        await looks.do(f"{name}.")
    await looks.do("z100")
    assert looks.inside == "z"
    await looks.do("z.")


async def test_who_waits_too_long_is_told_and_holds_up_nobody() -> None:
    looks = Looks(wait_seconds=0.05)
    for order in ("a60", "b60"):
        await looks.do(order)
    with pytest.raises(NoRoomError, match="in time"):
        await looks.tasks["b"]
    await looks.do("c40")
    assert looks.inside == "ac"


async def test_no_more_wait_than_may() -> None:
    looks = Looks(waiting_at_most=1)
    for order in ("a100", "b100", "c100"):
        await looks.do(order)
    with pytest.raises(NoRoomError, match="too many"):
        await looks.tasks["c"]
    await looks.do("a.")
    assert looks.inside == "b"


async def test_a_turn_that_comes_with_the_end_of_the_wait_is_given_back() -> None:
    looks = Looks(wait_seconds=0.0)
    with looks.room.place() as first, looks.room.place() as second:
        first.resize(100)
        waiting = asyncio.create_task(second.wait(100))
        asyncio.get_running_loop().call_soon(first.resize, 0)
        with pytest.raises(NoRoomError):
            await waiting
        assert second.held_bytes == 0
        first.resize(100)


async def test_who_does_not_wait_takes_what_there_is_and_overtakes_nobody() -> None:
    looks = Looks()
    with looks.room.place() as place:
        place.resize(60)
        await looks.do("a60")
        place.resize(60)
        with pytest.raises(NoRoomError):
            place.resize(61)
        assert place.held_bytes == 60
        place.resize(40)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert looks.inside == "a"
        with pytest.raises(NoRoomError):
            place.resize(41)
        await looks.do("a.")
        place.resize(100)
    assert place.held_bytes == 0
    await looks.do("z100")
    assert looks.inside == "z"


async def test_who_waits_holds_nothing() -> None:
    looks = Looks()
    with looks.room.place() as place:
        place.resize(60)
        await looks.do("a50")
        waiting = asyncio.create_task(place.wait(60))
        await looks.do("b40")
        assert looks.inside == "a"
        await looks.do("a.")
        await waiting
        assert looks.inside == "b"
