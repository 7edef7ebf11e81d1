"""With a seed a request is deterministic: its answer is made once for a team, and given to all who ask."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.accounts import NOTHING, Account, differences
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway, make_keys
from tests.support.simulator import Simulator
from tests.support.waiting import until

MEGAPIXEL = {"width": 1000, "height": 1000}
PRICE = 25_000


def ask(caller: Caller, prompt: str, cache_control: str = "", **fields: object) -> httpx.Response:
    headers = {"cache-control": cache_control} if cache_control else {}
    body = {"prompt": prompt, "image_size": MEGAPIXEL, **fields}
    answer = caller.post(DEV, json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def word(answer: httpx.Response) -> str:
    return answer.headers["x-fluxgate-cache"]


def id_of(answer: httpx.Response) -> str:
    return str(answer.json()["request_id"])


def made(caller: Caller, prompt: str, cache_control: str = "", **fields: object) -> str:
    """The id of a job that has ended."""
    job_id = id_of(ask(caller, prompt, cache_control, **fields))
    caller.wait(job_id)
    return job_id


def test_the_same_seeded_request_is_answered_from_the_earlier_result(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    account = Account.of(gateway.database, caller)
    first = ask(caller, prompt, seed=7)
    assert word(first) == "MISS"
    caller.wait(id_of(first))
    until(lambda: account.team()["in_flight"] == 0)
    before = account.team()

    again = ask(caller, prompt, seed=7)
    assert word(again) == "HIT"
    assert id_of(again) != id_of(first)
    assert (again.json()["status"], len(again.json())) == ("IN_QUEUE", 8)
    assert caller.word(id_of(again)) == "COMPLETED"
    results = [caller.result(id_of(answer)) for answer in (first, again)]
    assert results[0].content == results[1].content
    assert [word(result) for result in results] == ["MISS", "HIT"]
    assert len(simulator.accepted(prompt)) == 1
    job = gateway.database.job(id_of(again))
    assert (job["cost_micros"], job["saved_micros"], job["images"]) == (0, PRICE, 1)
    assert account.team() == before
    assert account.ledger(id_of(again)) == [("reserve", 0, 0), ("charge", 0, 0)]


@pytest.mark.parametrize(
    "limits", [{}, {"budget_micros": PRICE, "max_in_flight": 1}], ids=["free", "limited"]
)
def test_many_at_once_join_the_one_that_is_under_way(
    start_gateway: StartGateway, simulator: Simulator, prompt: str, limits: dict[str, int]
) -> None:
    gateways = [start_gateway() for _ in range(2)]
    key = make_keys(gateways[0].database, 1)[0]
    callers = [gateway.caller(key) for gateway in gateways]
    account = Account.of(gateways[0].database, callers[0])
    account.limit_team(**limits)
    slow = f"{prompt} [slow 7]"
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda n: ask(callers[n % 2], slow, seed=1), range(20)))
    assert sorted(map(word, answers)) == ["JOINED"] * 19 + ["MISS"]
    assert len({id_of(answer) for answer in answers}) == 20
    for answer in answers:
        callers[0].wait(id_of(answer))
    assert len({callers[1].result(id_of(answer)).content for answer in answers}) == 1
    assert len(simulator.accepted(slow)) == 1
    assert account.team() == NOTHING | {"spent_micros": PRICE, "images": 1}
    statement = "SELECT cost_micros, saved_micros, images FROM jobs WHERE cache = 'JOINED'"
    assert gateways[0].database.rows(statement) == [
        {"cost_micros": 0, "saved_micros": PRICE, "images": 1} for _ in range(19)
    ]
    assert differences(gateways[0].database) == []


@pytest.mark.parametrize("difference", ["seed", "prompt", "size"])
def test_another_request_has_another_answer(caller: Caller, prompt: str, difference: str) -> None:
    made(caller, prompt, seed=3)
    changed: dict[str, dict[str, object]] = {
        "seed": {"seed": 4},
        "prompt": {"seed": 3},
        "size": {"seed": 3, "image_size": "square"},
    }
    words = f"{prompt}!" if difference == "prompt" else prompt
    assert word(ask(caller, words, "", **changed[difference])) == "MISS"


def test_without_a_seed_nothing_is_given_twice(caller: Caller, simulator: Simulator, prompt: str) -> None:
    first = ask(caller, prompt)
    caller.wait(id_of(first))
    assert [word(first), word(ask(caller, prompt)), word(ask(caller, prompt, seed=None))] == ["BYPASS"] * 3
    assert len(simulator.accepted(prompt)) == 3


def test_without_a_seed_whoever_wants_an_earlier_answer_asks_for_it(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    made(caller, prompt, "max-age=600")
    assert word(ask(caller, prompt, "max-age=600")) == "HIT"
    assert word(ask(caller, prompt)) == "BYPASS"
    assert len(simulator.accepted(prompt)) == 2


def test_no_cache_goes_past_it_and_makes_the_answer_of_the_next(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    old = made(caller, prompt, seed=9)
    new = ask(caller, prompt, "no-cache", seed=9)
    assert word(new) == "BYPASS"
    caller.wait(id_of(new))
    third = ask(caller, prompt, seed=9)
    assert word(third) == "HIT"
    assert str(gateway.database.job(id_of(third))["source_job_id"]) == id_of(new) != old
    assert len(simulator.accepted(prompt)) == 2


def test_no_store_neither_takes_nor_leaves_an_answer(caller: Caller, prompt: str) -> None:
    job_id = made(caller, prompt, "no-store", seed=5)
    assert caller.result(job_id).headers["x-fluxgate-cache"] == "BYPASS"
    assert word(ask(caller, prompt, seed=5)) == "MISS"


def test_what_a_caller_wants_kept_from_the_upstream_is_not_kept_for_others(
    caller: Caller, prompt: str
) -> None:
    for _ in range(2):
        body = {"prompt": prompt, "seed": 1}
        answer = caller.post(DEV, json=body, headers={"x-fal-store-io": "0"})
        assert word(answer) == "BYPASS"
        caller.wait(id_of(answer))


def test_an_answer_too_old_is_made_anew(caller: Caller, gateway: Gateway, prompt: str) -> None:
    made(caller, prompt, seed=2)
    account = Account.of(gateway.database, caller)
    age = "UPDATE jobs SET completed_at = completed_at - interval '2 minutes' WHERE team_id = $1"
    gateway.database.rows(age, account.team_id)
    new = ask(caller, prompt, "max-age=60", seed=2)
    assert word(new) == "MISS"
    # Whether that has ended meanwhile or not, it is the one that others are answered from.
    third = ask(caller, prompt, seed=2)
    assert word(third) in ("JOINED", "HIT")
    assert str(gateway.database.job(id_of(third))["source_job_id"]) == id_of(new)
    statement = "UPDATE jobs SET completed_at = now() - interval '1 hour 1 second' WHERE team_id = $1"
    until(lambda: account.team()["in_flight"] == 0)
    gateway.database.rows(statement, account.team_id)
    assert word(ask(caller, prompt, seed=2)) == "MISS"


def test_another_team_never_gets_it(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    made(caller, prompt, seed=6)
    assert word(ask(gateway.caller(), prompt, seed=6)) == "MISS"
    assert len(simulator.accepted(prompt)) == 2


@pytest.mark.parametrize("failure", ["[fail 500]", "[fail 422]"])
def test_a_failure_is_given_to_those_who_joined_and_to_nobody_later(
    caller: Caller, gateway: Gateway, prompt: str, failure: str
) -> None:
    failing = f"{prompt} {failure} [slow 6]"
    first, joined = (ask(caller, failing, seed=8) for _ in range(2))
    assert word(joined) == "JOINED"
    for answer in (first, joined):
        caller.wait(id_of(answer))
    results = [caller.result(id_of(answer)) for answer in (first, joined)]
    assert results[0].content == results[1].content
    assert results[0].status_code == results[1].status_code >= 400
    job = gateway.database.job(id_of(joined))
    assert (job["state"], job["cost_micros"], job["saved_micros"]) == ("failed", 0, None)
    assert word(ask(caller, failing, seed=8)) == "MISS"


def test_one_who_joined_can_go_and_the_others_get_their_answer(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    slow = f"{prompt} [slow 8]"
    first, leaver, stayer = (id_of(ask(caller, slow, seed=4)) for _ in range(3))
    assert caller.cancel(leaver).json() == {"status": "OK"}
    assert caller.cancel(first).json() == {"status": "CANCELLATION_REQUESTED"}
    caller.wait(stayer)
    assert caller.result(stayer).status_code == 200
    assert caller.result(leaver).status_code == 499
    assert gateway.database.state(first) == "succeeded"


def test_the_cache_can_be_turned_off(start_gateway: StartGateway, simulator: Simulator, prompt: str) -> None:
    caller = start_gateway(answer_cache_seconds="0").caller()
    made(caller, prompt, seed=1)
    again = ask(caller, prompt, "max-age=600", seed=1)
    assert word(again) == "BYPASS"
    assert len(simulator.accepted(prompt)) == 2


def test_an_answer_from_the_cache_can_be_repeated_by_its_idempotency_key(caller: Caller, prompt: str) -> None:
    made(caller, prompt, seed=11)
    headers = {"idempotency-key": "cached"}
    body = {"prompt": prompt, "image_size": MEGAPIXEL, "seed": 11}
    first, again = (caller.post(DEV, json=body, headers=headers) for _ in range(2))
    assert (word(first), word(again)) == ("HIT", "HIT")
    assert id_of(first) == id_of(again)
    assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("cache_control", ["no-cache", "max-age=0"])
def test_a_burst_of_those_who_want_a_new_answer_is_served(
    caller: Caller, simulator: Simulator, prompt: str, cache_control: str
) -> None:
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: ask(caller, prompt, cache_control, seed=1), range(40)))
    assert {word(answer) for answer in answers} == {"BYPASS"}
    assert len(simulator.accepted(prompt)) == 40


def test_a_burst_without_a_cache_is_served(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    caller = start_gateway(answer_cache_seconds="0").caller()
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: ask(caller, prompt, seed=1), range(40)))
    assert {word(answer) for answer in answers} == {"BYPASS"}
    assert len(simulator.accepted(prompt)) == 40


def test_a_burst_of_what_the_upstream_refuses_is_refused_by_it(caller: Caller, prompt: str) -> None:
    body = {"prompt": f"{prompt} [submit 422]", "seed": 1}
    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: caller.post(DEV, json=body), range(40)))
    # Those who joined one that was refused are told so when they ask how it went.
    assert {answer.status_code for answer in answers} <= {200, 422}
