"""How long prices are believed, and what happens when they cannot be read."""

import asyncio

import pytest

from app.billing.price_shelf import REMEMBER_SECONDS, PriceShelf
from app.billing.prices import PriceBook, PriceRule
from app.errors import StartupError, StorageUnavailable
from tests.support.clocks import Clock

FIRST = PriceBook(1, (PriceRule("*", "image", 1),))
SECOND = PriceBook(2, (PriceRule("*", "image", 2),))
AWAY = StorageUnavailable("away")
UNREADABLE = StartupError("version 2 of the prices cannot be read")


class Source:
    """A store whose answer the test decides."""

    def __init__(self) -> None:
        self.answer: PriceBook | Exception = FIRST
        self.questions = 0

    async def current(self) -> PriceBook:
        self.questions += 1
        answer = self.answer
        await asyncio.sleep(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_a_new_version_counts_when_five_seconds_are_over() -> None:
    source, clock = Source(), Clock()
    shelf = PriceShelf(source, clock=clock)
    assert await shelf.current() == FIRST
    source.answer = SECOND
    clock.seconds = REMEMBER_SECONDS - 0.01
    assert await shelf.current() == FIRST
    assert source.questions == 1
    clock.seconds = REMEMBER_SECONDS
    assert await shelf.current() == SECOND
    assert source.questions == 2


async def test_of_many_who_ask_at_once_one_asks_the_database() -> None:
    source = Source()
    shelf = PriceShelf(source, clock=Clock())
    assert await asyncio.gather(*(shelf.current() for _ in range(50))) == [FIRST] * 50
    assert source.questions == 1


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    source = Source()
    shelf = PriceShelf(source, clock=Clock())
    gone = asyncio.ensure_future(shelf.current())
    waiting = asyncio.ensure_future(shelf.current())
    await asyncio.sleep(0)
    gone.cancel()
    assert await waiting == FIRST


@pytest.mark.parametrize("fault", [AWAY, UNREADABLE], ids=lambda fault: type(fault).__name__)
async def test_the_last_good_version_stays_in_use(fault: Exception) -> None:
    source, clock = Source(), Clock()
    shelf = PriceShelf(source, clock=clock)
    await shelf.current()
    source.answer = fault
    clock.seconds = REMEMBER_SECONDS
    assert await shelf.current() == FIRST
    assert await shelf.current() == FIRST
    assert source.questions == 2  # not asked again for each request
    source.answer = SECOND
    clock.seconds = 2 * REMEMBER_SECONDS
    assert await shelf.current() == SECOND


@pytest.mark.parametrize("fault", [AWAY, UNREADABLE], ids=lambda fault: type(fault).__name__)
async def test_without_any_version_there_is_no_price(fault: Exception) -> None:
    source = Source()
    shelf = PriceShelf(source, clock=Clock())
    source.answer = fault
    with pytest.raises(type(fault)):
        await shelf.current()
    source.answer = FIRST
    assert await shelf.current() == FIRST
