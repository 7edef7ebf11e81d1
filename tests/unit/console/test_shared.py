import asyncio

import pytest

from app.console.shared import KEPT_AT_MOST, Shared
from app.errors import StorageUnavailable


class Source:
    """Answers with how often it was asked, once it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def ask(self) -> int:
        self.asked += 1
        await self.gate.wait()
        return self.asked


def shared_at(now: list[float]) -> Shared[str, int]:
    return Shared[str, int](2.0, clock=lambda: now[0])


async def test_a_hundred_who_look_cost_one_question() -> None:
    source, shared = Source(), shared_at([0.0])
    source.gate.clear()
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(shared.get("a", source.ask)) for _ in range(100)]
        await asyncio.sleep(0)
        source.gate.set()
    assert [look.result() for look in looks] == [1] * 100


async def test_it_is_asked_anew_when_the_answer_is_old() -> None:
    now, source = [0.0], Source()
    shared = shared_at(now)
    answers = []
    for moment in (0.0, 1.9, 2.0, 2.1):
        now[0] = moment
        answers.append(await shared.get("a", source.ask))
    assert answers == [1, 1, 2, 2]


async def test_each_key_has_its_own_answer() -> None:
    source, shared = Source(), shared_at([0.0])
    assert [await shared.get(key, source.ask) for key in "aba"] == [1, 2, 1]


async def test_a_failure_is_told_to_one_and_the_next_asks_anew() -> None:
    source, shared = Source(), shared_at([0.0])

    async def fail() -> int:
        raise StorageUnavailable("no database")

    with pytest.raises(StorageUnavailable):
        await shared.get("a", fail)
    assert await shared.get("a", source.ask) == 1


async def test_who_asked_may_go_while_others_wait() -> None:
    source, shared = Source(), shared_at([0.0])
    source.gate.clear()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(shared.get("a", source.ask))
        second = group.create_task(shared.get("a", source.ask))
        await asyncio.sleep(0)
        first.cancel()
        source.gate.set()
    assert second.result() == 2


async def test_what_is_old_is_forgotten_once_there_is_much() -> None:
    now, source = [0.0], Source()
    shared = shared_at(now)
    for number in range(KEPT_AT_MOST):
        await shared.get(str(number), source.ask)
    now[0] = 5.0
    await shared.get("new", source.ask)
    assert len(shared) == 1
