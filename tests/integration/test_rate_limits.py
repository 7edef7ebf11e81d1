"""Submits per minute: one limit for all processes while Redis answers, each its own without it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis
from structlog.testing import capture_logs

from app.callers.caller import Caller as Identity
from app.callers.rate_script import DECISION, state_of
from app.callers.rate_window import WINDOW_MICROS, RateState, decide
from app.callers.rates import Rates
from app.errors import RateLimited
from app.storage.redis import Speed
from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.gateway import Gateway, make_keys
from tests.support.rate_cases import MICROS, RATE_CASES, RateCase, limited_caller, limits_of
from tests.support.stores import OwnServers, Stores
from tests.support.waiting import until

NOW_MICROS = 1_750_000_000_123_457
FIXED_CLOCK = "local now = tonumber(ARGV[#ARGV])\n"

# Machines of tests are slow at times, and then a short deadline would let each process limit by itself.
PATIENT_SECONDS = 10.0
DEFAULT_SECONDS = 0.05
# Long enough for a Redis that answers, short enough to wait for one that does not.
SHORT_SECONDS = 1.0
# As far as a test may be behind with a question of when.
LATE_SECONDS = 15


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    servers = OwnServers(tmp_path_factory.mktemp("redis"), postgres=False, redis=True)
    yield servers
    servers.stop()


@pytest.fixture
async def speed(stores: Stores) -> AsyncIterator[Speed]:
    speed = Speed.connect(stores.redis_url, timeout_seconds=PATIENT_SECONDS)
    yield speed
    await speed.close()


@pytest.fixture
async def own_speed(servers: OwnServers) -> AsyncIterator[Speed]:
    speed = Speed.connect(servers.redis_url, timeout_seconds=SHORT_SECONDS)
    yield speed
    await speed.close()


@pytest.fixture
def redis(stores: Stores) -> Iterator[Redis]:
    with Redis.from_url(stores.redis_url) as client:
        yield client


async def passes(rates: Rates, identity: Identity) -> bool:
    try:
        await rates.admit(identity)
    except RateLimited:
        return False
    return True


async def count_passing(rates: Rates, identity: Identity, number: int) -> int:
    """How many of so many submits at once pass."""
    return sum(await asyncio.gather(*(passes(rates, identity) for _ in range(number))))


async def refusal_of(rates: Rates, identity: Identity) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        await rates.admit(identity)
    return caught.value


def redis_keys(client: Redis, identity: Identity) -> list[str]:
    """The sorted sets of the key and of the team, in this order."""
    found: Any = client.keys(f"*{{{identity.team_id}}}*")
    own = [f"{limit.scope}:{limit.scope_id}" for limit in identity.rates]
    return [name for end in own for name in (key.decode() for key in found) if name.endswith(end)]


def pass_time(client: Redis, identity: Identity, seconds: float) -> None:
    """As if everything had been let pass so much earlier."""
    for key in redis_keys(client, identity):
        entries: Any = client.zrange(key, 0, -1)
        for member in entries:
            client.zincrby(key, -seconds * MICROS, member)


# The script decides as the process does.


def run_script(
    client: Redis, per_minute: tuple[int, ...], taken_micros: list[list[int]]
) -> tuple[RateState, list[list[int]]]:
    """What the script says at a fixed time, and what the sorted sets hold after it."""
    limits = limits_of(per_minute)
    keys = [f"test:{{{uuid4()}}}:{place}" for place in range(len(limits))]
    for key, taken in zip(keys, taken_micros, strict=True):
        if taken:
            client.zadd(key, {f"member {place}": time for place, time in enumerate(taken)})
    values: list[Any] = [*keys, WINDOW_MICROS, 1, "a new member", *per_minute, NOW_MICROS]
    answer: Any = client.eval(FIXED_CLOCK + DECISION, len(keys), *values)
    held: list[Any] = [client.zrange(key, 0, -1, withscores=True, score_cast_func=int) for key in keys]
    client.delete(*keys)
    return state_of(limits, answer), [[score for _, score in entries] for entries in held]


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in RATE_CASES])
def test_the_script_says_what_the_table_says(redis: Redis, case: RateCase) -> None:
    taken = [[NOW_MICROS - round(seconds * MICROS) for seconds in entries] for entries in case.seconds_ago]
    state, _ = run_script(redis, case.per_minute, taken)
    assert state.is_admitted == case.is_admitted
    assert [(quota.remaining, quota.reset_micros / MICROS) for quota in state.quotas] == list(case.left)


ages_micros = st.one_of(
    st.integers(-70 * MICROS, 70 * MICROS),
    st.sampled_from([0, 1, WINDOW_MICROS - 1, WINDOW_MICROS, WINDOW_MICROS + 1, -WINDOW_MICROS]),
)


def test_the_script_decides_as_the_process_does(redis: Redis) -> None:
    @settings(deadline=None, max_examples=150)
    @given(
        per_minute=st.lists(st.integers(0, 4), min_size=1, max_size=2),
        ages=st.tuples(st.lists(ages_micros, max_size=6), st.lists(ages_micros, max_size=6)),
    )
    def check(per_minute: list[int], ages: tuple[list[int], list[int]]) -> None:
        taken = [sorted(NOW_MICROS - age for age in own) for own in ages[: len(per_minute)]]
        state, held = run_script(redis, tuple(per_minute), taken)
        expected = decide(limits_of(tuple(per_minute)), taken, NOW_MICROS)
        assert state == expected
        live = [[time for time in own if abs(NOW_MICROS - time) < WINDOW_MICROS] for own in taken]
        assert held == [sorted(own + [NOW_MICROS] * expected.is_admitted) for own in live]

    check()


# With Redis.


async def test_a_caller_without_limits_costs_nothing(own_speed: Speed, servers: OwnServers) -> None:
    servers.stop()
    with pytest.raises(StopIteration) as ended:
        Rates(own_speed).admit(limited_caller()).send(None)
    assert ended.value.value is None
    assert not own_speed.is_left_alone


def admit_many(url: str, identity: Identity, number: int) -> int:
    """How many pass in an event loop and with connections of its own."""

    async def ask() -> int:
        speed = Speed.connect(url, timeout_seconds=PATIENT_SECONDS)
        try:
            return await count_passing(Rates(speed), identity, number)
        finally:
            await speed.close()

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("key", "team", "expected"), [(37, None, 37), (None, 37, 37), (37, 50, 37), (50, 37, 37)]
)
def test_of_200_at_once_in_two_processes_exactly_the_limit_passes(
    stores: Stores, key: int | None, team: int | None, expected: int
) -> None:
    identity = limited_caller(key=key, team=team)
    with ThreadPoolExecutor(2) as threads:
        passed = threads.map(lambda _: admit_many(stores.redis_url, identity, 100), range(2))
    assert sum(passed) == expected


async def test_the_limits_of_key_and_team_are_taken_together_or_not_at_all(
    speed: Speed, redis: Redis
) -> None:
    rates = Rates(speed)
    first = limited_caller(key=4, team=5)
    second = limited_caller(key=4, team=5, colleague=first)
    second = Identity(**{**_fields(second), "rates": (second.rates[0], first.rates[1])})
    assert await count_passing(rates, first, 9) == 4
    assert "This key may submit 4 times" in (await refusal_of(rates, first)).detail
    assert [redis.zcard(name) for name in redis_keys(redis, first)] == [4, 4]
    assert await count_passing(rates, second, 9) == 1
    refusal = await refusal_of(rates, second)
    assert "This team may submit 5 times" in refusal.detail
    assert refusal.headers["RateLimit-Policy"] == '"key";q=4;w=60, "team";q=5;w=60'
    left = re.fullmatch(r'"key";r=3;t=(\d+), "team";r=0;t=(\d+)', refusal.headers["RateLimit"])
    assert left
    waits = (int(left[1]), int(left[2]), refusal.retry_after_seconds or 0)
    assert all(60 - LATE_SECONDS < seconds <= 60 for seconds in waits)
    assert [redis.zcard(name) for name in redis_keys(redis, second)] == [1, 5]


def _fields(identity: Identity) -> dict[str, Any]:
    return {name: getattr(identity, name) for name in Identity.__slots__}


async def test_the_window_slides(speed: Speed, redis: Redis) -> None:
    clock = [0]
    rates = Rates(speed, clock_micros=lambda: clock[0])
    identity = limited_caller(key=3)
    state = await rates.admit(identity)
    assert state is not None
    assert state.headers == {"RateLimit-Policy": '"key";q=3;w=60', "RateLimit": '"key";r=2;t=60'}
    pass_time(redis, identity, 40)
    clock[0] += 40 * MICROS
    assert await count_passing(rates, identity, 5) == 2
    assert 20 - LATE_SECONDS < ((await refusal_of(rates, identity)).retry_after_seconds or 0) <= 20
    pass_time(redis, identity, 25)
    clock[0] += 25 * MICROS
    assert await count_passing(rates, identity, 5) == 1


async def test_what_redis_keeps_goes_by_itself(speed: Speed, redis: Redis) -> None:
    identity = limited_caller(key=3, team=5)
    await Rates(speed).admit(identity)
    keys = redis_keys(redis, identity)
    assert len(keys) == 2
    assert all(61_000 - LATE_SECONDS * 1000 < int(str(redis.pttl(key))) <= 61_000 for key in keys)


async def test_the_keys_of_a_call_are_on_one_node_of_a_cluster(speed: Speed, redis: Redis) -> None:
    identity = limited_caller(key=3, team=5)
    await Rates(speed).admit(identity)
    tags = {re.findall(r"\{(.*?)\}", key)[0] for key in redis_keys(redis, identity)}
    assert tags == {str(identity.team_id)}


async def test_the_clocks_of_the_processes_do_not_matter(speed: Speed) -> None:
    """One clock leaps by an hour with every look, the other is far off: Redis has its own."""
    leaps = iter(range(0, 10**18, 3600 * MICROS))
    leaping = Rates(speed, clock_micros=lambda: next(leaps))
    far_off = Rates(speed, clock_micros=lambda: -NOW_MICROS)
    identity = limited_caller(key=5)
    passed = [await passes(rates, identity) for _ in range(6) for rates in (leaping, far_off)]
    assert passed == [True] * 5 + [False] * 7


async def test_one_run_of_the_script_a_submit_and_one_connection_for_a_burst(servers: OwnServers) -> None:
    speed = Speed.connect(servers.redis_url, timeout_seconds=PATIENT_SECONDS)
    rates, identity = Rates(speed), limited_caller(key=500, team=500)
    with Redis.from_url(servers.redis_url) as client:
        await rates.admit(identity)
        before = connections(client)
        assert await count_passing(rates, identity, 200) == 200
        assert connections(client) == before
        assert script_runs(client) == 1 + 1 + 200
        client.script_flush()
        assert await count_passing(rates, identity, 9) == 9
        assert await count_passing(rates, identity, 9) == 9
    await speed.close()


def connections(client: Redis) -> int:
    return int(client.info("stats")["total_connections_received"])


def script_runs(client: Redis) -> int:
    stats: Any = client.info("commandstats")
    return sum(stats[f"cmdstat_{name}"]["calls"] for name in ("eval", "evalsha"))


async def test_who_sends_for_others_may_be_broken_off(servers: OwnServers) -> None:
    speed = Speed.connect(servers.redis_url, timeout_seconds=PATIENT_SECONDS)
    rates, identity = Rates(speed), limited_caller(key=9)
    assert await passes(rates, identity)
    with servers.frozen():
        for turns in (1, 100):
            sender, other = (asyncio.ensure_future(passes(rates, identity)) for _ in range(2))
            for _ in range(turns):
                await asyncio.sleep(0)
            sender.cancel()
            assert await asyncio.wait_for(other, PATIENT_SECONDS / 2)
            assert sender.cancelled()
    assert await passes(rates, identity)
    await speed.close()


# Without Redis.


class Listener:
    """What is told when a process begins to limit by itself, and when it ends."""

    def __init__(self) -> None:
        self.told: list[bool] = []

    def __call__(self, is_degraded: bool) -> None:
        self.told.append(is_degraded)


async def until_shared(rates: Rates, listener: Listener) -> None:
    """Submits for somebody else until Redis is used again."""
    stranger = limited_caller(key=100_000)
    async with asyncio.timeout(PATIENT_SECONDS):
        while listener.told[-1]:
            await rates.admit(stranger)
            await asyncio.sleep(0.05)


async def test_a_frozen_redis_opens_no_new_window_and_is_used_again_when_it_is_back(
    own_speed: Speed, servers: OwnServers
) -> None:
    listener = Listener()
    rates = Rates(own_speed, on_degraded=listener)
    known, stranger = limited_caller(key=9, team=5), limited_caller(key=7)
    assert await count_passing(rates, known, 2) == 2
    with capture_logs() as lines:
        with servers.frozen():
            assert await count_passing(rates, known, 20) == 3
            assert await count_passing(rates, stranger, 20) == 7
            refusal = await refusal_of(rates, known)
            assert await count_passing(rates, known, 20) == 0
            assert listener.told == [True]
        await until_shared(rates, listener)
    assert refusal.headers["RateLimit"].startswith('"key";r=4;t=')
    assert listener.told == [True, False]
    events = [line["event"] for line in lines if line["event"].startswith("rates.")]
    assert events == ["rates.local", "rates.shared"]
    # Redis knows of what was let pass meanwhile no more than its own part, the process knows all of it.
    assert await count_passing(rates, known, 5) == 0
    assert await count_passing(rates, stranger, 5) == 0
    assert await count_passing(Rates(own_speed), limited_caller(key=3), 5) == 3


async def test_while_redis_is_left_alone_nothing_is_waited_for(own_speed: Speed, servers: OwnServers) -> None:
    rates, identity = Rates(own_speed), limited_caller(key=50)
    with servers.frozen():
        while not own_speed.is_left_alone:
            await rates.admit(identity)
        asking = rates.admit(identity)
        # One turn of the event loop for company; a wait for anything else would give a future.
        assert asking.send(None) is None
        with pytest.raises(StopIteration):
            asking.send(None)


async def test_a_stopped_redis_is_done_without(own_speed: Speed, servers: OwnServers) -> None:
    listener = Listener()
    rates, identity = Rates(own_speed, on_degraded=listener), limited_caller(key=5)
    assert await count_passing(rates, identity, 2) == 2
    servers.stop()
    assert [await passes(rates, identity) for _ in range(6)] == [True] * 3 + [False] * 3
    servers.start()
    await until_shared(rates, listener)
    assert not await passes(rates, identity)
    assert await passes(Rates(own_speed), identity)


@pytest.mark.parametrize("forget", [Redis.flushall, Redis.script_flush])
async def test_an_emptied_redis_opens_no_new_window(
    servers: OwnServers, forget: Callable[[Redis], object]
) -> None:
    speed = Speed.connect(servers.redis_url, timeout_seconds=PATIENT_SECONDS)
    rates, identity = Rates(speed), limited_caller(key=5)
    assert await count_passing(rates, identity, 3) == 3
    with Redis.from_url(servers.redis_url) as client:
        forget(client)
    assert [await passes(rates, identity) for _ in range(5)] == [True, True, False, False, False]
    refusal = await refusal_of(rates, identity)
    assert refusal.headers["RateLimit"] == f'"key";r=0;t={refusal.retry_after_seconds}'
    await speed.close()


# Over HTTP.


def limited(gateway: Gateway, *, per_minute: int, scope: str = "key", number: int = 1) -> list[Caller]:
    """Callers of one new team whose keys, or which together, may submit so often."""
    keys = make_keys(gateway.database, number)
    callers = [gateway.caller(key) for key in keys]
    for caller in callers:
        account = Account.of(gateway.database, caller)
        table, row_id = ("api_keys", account.key_id) if scope == "key" else ("teams", account.team_id)
        statement = f"UPDATE {table} SET requests_per_minute = $1 WHERE id = $2"
        gateway.database.rows(statement, per_minute, row_id)
    return callers


def test_the_fourth_of_three_submits_is_refused(gateway: Gateway, prompt: str) -> None:
    [caller] = limited(gateway, per_minute=3)
    answers = [caller.submit(f"{prompt} {place}") for place in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    left = [re.fullmatch(r'"key";r=(\d);t=(\d+)', answer.headers["ratelimit"]) for answer in answers]
    assert [found and int(found[1]) for found in left] == [2, 1, 0]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"key";q=3;w=60'}

    before = gateway.database.count_jobs()
    refused = caller.submit(f"{prompt} 3")
    assert (refused.status_code, refused.json()["error_type"]) == (429, "rate_limited")
    assert refused.headers["x-fal-error-type"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"key";r=0;t={refused.headers["retry-after"]}'
    assert refused.headers["ratelimit-policy"] == '"key";q=3;w=60'
    assert "This key may submit 3 times a minute" in refused.json()["detail"]
    assert gateway.database.count_jobs() == before


def test_reads_are_not_limited(gateway: Gateway, prompt: str) -> None:
    [caller] = limited(gateway, per_minute=1)
    job_id = caller.job(prompt)
    caller.wait(job_id)
    for _ in range(5):
        assert caller.status(job_id).status_code == 200
        assert caller.result(job_id).status_code == 200
    assert "ratelimit" not in caller.status(job_id).headers
    assert caller.submit(prompt).status_code == 429


def test_without_a_limit_there_are_no_fields(caller: Caller, prompt: str) -> None:
    answer = caller.submit(prompt)
    assert answer.status_code == 200
    assert not {"ratelimit", "ratelimit-policy"} & set(answer.headers)


def test_the_keys_of_a_team_share_its_limit(gateway: Gateway, prompt: str) -> None:
    callers = limited(gateway, per_minute=3, scope="team", number=2)
    answers = [callers[place % 2].submit(f"{prompt} {place}") for place in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert "This team may submit 3 times a minute" in answers[-1].json()["detail"]


def test_two_gateways_share_a_limit(start_gateway: StartGateway, prompt: str) -> None:
    patient = {"redis_timeout_seconds": f"{PATIENT_SECONDS}"}
    gateways = [start_gateway(**patient), start_gateway("--no-worker", **patient)]
    [first] = limited(gateways[0], per_minute=7)
    callers = [first, gateways[1].caller(first.key)]
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda place: callers[place % 2].submit(f"{prompt} {place}"), range(24))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [429] * 17


def test_without_redis_a_gateway_limits_by_itself(
    start_gateway: StartGateway, servers: OwnServers, prompt: str
) -> None:
    gateway = start_gateway(redis_url=servers.redis_url, redis_timeout_seconds=f"{DEFAULT_SECONDS}")
    [caller] = limited(gateway, per_minute=5)
    assert [caller.submit(f"{prompt} {place}").status_code for place in range(2)] == [200] * 2
    with servers.frozen():
        answers = [caller.submit(f"{prompt} {place}") for place in range(2, 7)]
        assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    servers.stop()
    assert caller.submit(prompt).status_code == 429
    servers.start()
    until(lambda: gateway.get("/readyz").json()["parts"]["redis"] == "ok")
    assert caller.submit(prompt).status_code == 429
