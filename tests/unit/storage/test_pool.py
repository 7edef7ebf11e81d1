import asyncio
from contextlib import suppress

import asyncpg
import pytest

from app.storage.pool import ConnectionPool


class Line:
    """A connection as far as the pool knows it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.is_broken = False
        self.is_silent = False
        self.in_transaction = False
        self.has_ended = False

    def is_closed(self) -> bool:
        return self.has_ended

    def terminate(self) -> None:
        self.has_ended = True

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 # the driver's word
        assert timeout
        self.has_ended = True

    def is_in_transaction(self) -> bool:
        if self.has_ended:
            # As the driver does, which has let go of what it would ask.
            raise AttributeError
        return self.in_transaction

    async def execute(self, statement: str) -> None:
        if self.is_broken:
            raise asyncpg.InterfaceError("the connection is gone")
        if self.is_silent:
            await asyncio.Event().wait()
        self.said.append(statement)


class Exchange:
    """Opens connections, as many as it is asked for, and can refuse."""

    def __init__(self) -> None:
        self.opened: list[Line] = []
        self.refuses = False

    async def connect(self) -> Line:
        await asyncio.sleep(0)
        if self.refuses:
            raise ConnectionRefusedError
        self.opened.append(Line())
        return self.opened[-1]


def pool_of(exchange: Exchange, size: int = 1) -> ConnectionPool:
    return ConnectionPool(exchange.connect, size=size, timeout_seconds=0.2)


async def fail(pool: ConnectionPool, **state: bool) -> Line:
    """Has a fault on a connection, which is in this state then; gives that connection."""
    lent: list[Line] = []
    with suppress(ValueError):
        async with pool.lend() as line:
            lent.append(line)
            for name, is_so in state.items():
                setattr(line, name, is_so)
            raise ValueError
    return lent[0]


@pytest.fixture
def exchange() -> Exchange:
    return Exchange()


async def test_of_those_that_are_free_the_oldest_is_used_next(exchange: Exchange) -> None:
    pool = pool_of(exchange, size=3)
    lent = [await pool.take() for _ in range(3)]
    for line in (lent[1], lent[0], lent[2]):
        pool.give_back(line)
    assert [await pool.take() for _ in range(3)] == lent == exchange.opened


async def test_one_that_took_the_place_of_a_lost_one_is_the_youngest(exchange: Exchange) -> None:
    pool = pool_of(exchange, size=2)
    lost, kept = await pool.take(), await pool.take()
    lost.terminate()
    pool.give_back(lost)
    new = await pool.take()
    for line in (new, kept):
        pool.give_back(line)
    assert await pool.take() is kept


async def test_who_comes_when_all_are_lent_gets_the_next_that_comes_back(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    async with asyncio.TaskGroup() as group:
        async with pool.lend() as lent:
            waiting = group.create_task(pool.take())
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting is lent


async def test_nobody_waits_for_ever(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    async with pool.lend() as lent:
        with pytest.raises(TimeoutError):
            await pool.take()
    async with pool.lend() as again:
        assert again is lent


async def test_a_connection_that_was_lost_makes_room_for_a_new_one(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    async with pool.lend() as lost:
        pass
    lost.terminate()
    async with pool.lend() as found:
        assert found is not lost


async def test_one_that_is_lost_while_others_wait_leaves_them_its_place(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    async with asyncio.TaskGroup() as group:
        async with pool.lend() as lost:
            waiting = group.create_task(pool.take())
            await asyncio.sleep(0)
            lost.terminate()
        assert not (await waiting).is_closed()
    assert len(exchange.opened) == 2


async def test_one_that_the_driver_has_ended_itself_leaves_its_place(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    ended = await fail(pool, has_ended=True)
    async with pool.lend() as found:
        assert found is not ended


async def test_a_connection_that_cannot_be_opened_takes_no_place(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    exchange.refuses = True
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            await pool.take()
    exchange.refuses = False
    assert not (await pool.take()).is_closed()


@pytest.mark.parametrize("was_open", [True, False])
async def test_a_fault_leaves_no_transaction_behind(exchange: Exchange, *, was_open: bool) -> None:
    pool = pool_of(exchange)
    line = await fail(pool, in_transaction=was_open)
    assert line.said == ["ROLLBACK" if was_open else "SELECT"]
    async with pool.lend() as again:
        assert again is line


@pytest.mark.parametrize("state", ["is_broken", "is_silent"])
async def test_a_connection_of_which_nobody_knows_how_it_stands_is_not_used_again(
    exchange: Exchange, state: str
) -> None:
    pool = pool_of(exchange)
    broken = await fail(pool, **{state: True})
    assert broken.is_closed()
    async with pool.lend() as line:
        assert line is not broken


async def test_nobody_waits_for_a_silent_one_as_long_as_a_statement_may_take(exchange: Exchange) -> None:
    """Whoever shares a batch with the statement that was broken off waits for this as well."""
    pool = ConnectionPool(exchange.connect, size=1, timeout_seconds=600)
    async with asyncio.timeout(30):
        silent = await fail(pool, is_silent=True)
    assert silent.is_closed()


async def test_who_goes_away_in_the_moment_of_the_gift_passes_it_on(exchange: Exchange) -> None:
    pool = pool_of(exchange)
    lent = await pool.take()
    leaving, staying = (asyncio.ensure_future(pool.take()) for _ in range(2))
    await asyncio.sleep(0)
    pool.give_back(lent)
    leaving.cancel()
    assert await staying is lent
    assert leaving.cancelled()


async def test_what_is_lent_when_the_pool_closes_is_closed_when_it_comes_back(exchange: Exchange) -> None:
    pool = pool_of(exchange, size=2)
    async with pool.lend() as lent:
        async with pool.lend() as free:
            pass
        await pool.close()
        assert free.is_closed()
        assert not lent.is_closed()
    assert lent.is_closed()
