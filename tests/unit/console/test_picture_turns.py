"""Few turns at a time, fewer of one team, and nobody keeps others from theirs."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from starlette.types import Message

from app.console.picture_answer import PIECE_BYTES, HeldPicture
from app.console.picture_turns import NoTurnError, Turns


class Worker:
    """Takes turns that end when the test says so."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.going: list[str] = []
        self.ends: list[asyncio.Event] = []

    async def work(self, team: str) -> None:
        async with self.turns.turn(team):
            self.going.append(team)
            end = asyncio.Event()
            self.ends.append(end)
            await end.wait()

    async def begin(self, *teams: str) -> list[asyncio.Task[None]]:
        tasks = [asyncio.create_task(self.work(team)) for team in teams]
        await settle()
        return tasks

    async def end_all(self) -> None:
        while self.turns:
            for end in self.ends:
                end.set()
            await settle()


async def settle() -> None:
    """Lets everything go on that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_team_does_not_take_the_turns_of_others() -> None:
    worker = Worker(Turns(at_once=3, of_one_team=2))
    tasks = await worker.begin(*["busy"] * 50, "other", "third")
    assert worker.going == ["busy", "busy", "other"]
    worker.ends[0].set()
    await settle()
    assert worker.going[3] == "third"
    await worker.end_all()
    await asyncio.gather(*tasks)
    assert len(worker.going) == 52


async def test_a_team_waits_in_a_line_that_ends() -> None:
    worker = Worker(Turns(at_once=3, of_one_team=2, waiting=5))
    tasks = await worker.begin(*["busy"] * 7)
    with pytest.raises(NoTurnError):
        await worker.work("busy")
    tasks += await worker.begin("other")
    assert worker.going[-1] == "other"
    await worker.end_all()
    await asyncio.gather(*tasks)
    assert len(worker.turns) == 0


async def test_who_goes_away_leaves_the_line() -> None:
    worker = Worker(Turns(at_once=1, of_one_team=1, waiting=2))
    tasks = await worker.begin("busy", "busy", "busy")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(worker.turns) == 0
    [task] = await worker.begin("busy")
    assert len(worker.going) == 2
    await worker.end_all()
    await task


async def test_a_turn_lasts_until_the_picture_has_been_sent() -> None:
    turns, is_read, sent = Turns(at_once=1, of_one_team=1), asyncio.Event(), bytearray()

    async def send(message: Message) -> None:
        sent.extend(message.get("body", b""))
        if len(sent) > PIECE_BYTES:
            await is_read.wait()

    async def receive() -> Message:
        raise AssertionError

    content = bytes(range(256)) * (PIECE_BYTES // 100)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.turn("team"))
        answer = HeldPicture(content, {}, "image/png", until_sent=stack.pop_all())
    sending = asyncio.create_task(answer({"type": "http"}, receive, send))
    await settle()
    assert len(turns) == 1
    assert len(sent) <= 2 * PIECE_BYTES
    is_read.set()
    await sending
    assert len(turns) == 0
    assert sent == content
