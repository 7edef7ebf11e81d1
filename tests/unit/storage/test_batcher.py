import asyncio
import weakref
from collections.abc import Sequence

import pytest

from app.errors import StorageUnavailable
from app.storage.batcher import Batcher


class Doubler:
    """A `run` that remembers its batches and can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.begun.set()
        await self.gate.wait()
        if 13 in items:
            raise ValueError("an unlucky row")
        if 503 in items:
            raise StorageUnavailable("gone")
        return [2 * item for item in items]


async def test_each_item_gets_its_own_answer_and_what_waits_goes_together() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    batcher = Batcher(doubler.run, wait_seconds=0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(batcher.serve())
        first = group.create_task(batcher.ask(1))
        await doubler.begun.wait()
        rest = [group.create_task(batcher.ask(number)) for number in range(2, 6)]
        await asyncio.sleep(0)
        doubler.gate.set()
        assert await first == 2
        assert [await task for task in rest] == [4, 6, 8, 10]
        batcher.stop()
    assert doubler.batches == [[1], [2, 3, 4, 5]]


async def test_a_batch_is_never_larger_than_its_limit() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.0, limit=3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(batcher.ask(number)) for number in range(100, 108)]
        await asyncio.sleep(0)
        group.create_task(batcher.serve())
        assert [await task for task in tasks] == [2 * number for number in range(100, 108)]
        batcher.stop()
    assert [len(batch) for batch in doubler.batches] == [3, 3, 2]


async def test_one_bad_row_does_not_take_its_neighbours_with_it() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.0)
    async with asyncio.TaskGroup() as group:
        tasks = [asyncio.ensure_future(batcher.ask(number)) for number in (12, 13, 14)]
        await asyncio.sleep(0)
        group.create_task(batcher.serve())
        results = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.stop()
    assert results[0] == 24
    assert isinstance(results[1], ValueError)
    assert results[2] == 28


async def test_without_storage_everybody_hears_so_once() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.0)
    async with asyncio.TaskGroup() as group:
        tasks = [asyncio.ensure_future(batcher.ask(number)) for number in (1, 503, 2)]
        await asyncio.sleep(0)
        group.create_task(batcher.serve())
        results = await asyncio.gather(*tasks, return_exceptions=True)
        batcher.stop()
    assert all(isinstance(result, StorageUnavailable) for result in results)
    assert len(doubler.batches) == 1


async def test_a_caller_that_went_away_does_not_disturb_the_others() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.0)
    async with asyncio.TaskGroup() as group:
        gone, stays = (asyncio.ensure_future(batcher.ask(number)) for number in (1, 2))
        await asyncio.sleep(0)
        gone.cancel()
        group.create_task(batcher.serve())
        assert await stays == 4
        batcher.stop()
    assert doubler.batches == [[1, 2]]


async def test_what_was_asked_for_before_the_stop_is_done() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.0)
    waiting = asyncio.ensure_future(batcher.ask(4))
    await asyncio.sleep(0)
    batcher.stop()
    await batcher.serve()
    assert await waiting == 8
    with pytest.raises(StorageUnavailable):
        await batcher.ask(5)


@pytest.mark.parametrize(("burst_seconds", "batches"), [(60.0, [[1], [2, 3]]), (0.0, [[1], [2], [3]])])
async def test_a_lone_batch_waits_for_company_soon_after_another(
    burst_seconds: float, batches: list[list[int]]
) -> None:
    doubler = Doubler()
    batcher = Batcher(doubler.run, wait_seconds=0.05, burst_seconds=burst_seconds)
    async with asyncio.TaskGroup() as group:
        group.create_task(batcher.serve())
        assert await batcher.ask(1) == 2
        second = group.create_task(batcher.ask(2))
        await asyncio.sleep(0.01)
        assert await batcher.ask(3) == 6
        assert await second == 4
        batcher.stop()
    assert doubler.batches == batches


async def test_what_is_done_is_not_held_until_the_next() -> None:
    async def run(doublers: Sequence[Doubler]) -> Sequence[None]:
        return [None] * len(doublers)

    batcher = Batcher(run, wait_seconds=0.0)
    async with asyncio.TaskGroup() as group:
        group.create_task(batcher.serve())
        doubler = Doubler()
        seen = weakref.ref(doubler)
        await batcher.ask(doubler)
        del doubler
        assert seen() is None
        batcher.stop()
