"""The same Idempotency-Key and the same request are the same job, however often and wherever it comes."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway, make_keys
from tests.support.simulator import Simulator


def submit(caller: Caller, key: str, prompt: str, **fields: object) -> httpx.Response:
    return caller.post(DEV, json={"prompt": prompt, **fields}, headers={"idempotency-key": key})


def test_a_repeat_is_answered_with_the_same_job(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    first = submit(caller, "order-1", prompt, num_images=1)
    caller.wait(first.json()["request_id"])
    again = caller.post(
        DEV,
        # Another order of the fields, and a default that is spelt out where it was left out before.
        content=f'{{ "num_images":1,   "prompt": "{prompt}" , "acceleration": "default"}}',
        headers={"idempotency-key": '"order-1"', "content-type": "application/json"},
    )
    assert again.status_code == 200, again.text
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(simulator.accepted(prompt)) == 1
    account = Account.of(gateway.database, caller)
    statement = "SELECT count(*) FROM jobs WHERE team_id = $1"
    assert gateway.database.value(statement, account.team_id) == 1


@pytest.mark.parametrize("replicas", [1, 2])
def test_of_50_at_once_one_becomes_a_job(
    start_gateway: StartGateway, simulator: Simulator, prompt: str, replicas: int
) -> None:
    gateways = [start_gateway() for _ in range(replicas)]
    key = make_keys(gateways[0].database, 1)[0]
    callers = [gateway.caller(key) for gateway in gateways]
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda n: submit(callers[n % replicas], "once", prompt), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["request_id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert len(simulator.accepted(prompt)) == 1
    assert gateways[0].database.count_jobs() == 1


@pytest.mark.parametrize("change", ["prompt", "model", "header"])
def test_another_request_under_the_same_key_is_refused(caller: Caller, prompt: str, change: str) -> None:
    submit(caller, "mine", prompt)
    headers = {"idempotency-key": "mine"} | ({"x-fal-queue-priority": "low"} if change == "header" else {})
    path = "/fal-ai/flux-1/schnell" if change == "model" else DEV
    words = f"{prompt} and a hat" if change == "prompt" else prompt
    answer = caller.post(path, json={"prompt": words}, headers=headers)
    assert (answer.status_code, answer.json()["error_type"]) == (422, "idempotency_mismatch")


def test_keys_of_one_team_are_shared_and_those_of_another_are_not(gateway: Gateway, prompt: str) -> None:
    ours, also_ours = (gateway.caller(key) for key in make_keys(gateway.database, 2))
    others = gateway.caller()
    first = submit(ours, "shared", prompt).json()["request_id"]
    assert submit(also_ours, "shared", prompt).json()["request_id"] == first
    assert submit(others, "shared", prompt).json()["request_id"] != first


REFUSED = {
    "invalid input": (422, {"num_images": 9}),
    "no money": (402, {"num_images": 4}),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_a_refused_request_does_not_burn_its_key(
    caller: Caller, gateway: Gateway, prompt: str, reason: str
) -> None:
    status, fields = REFUSED[reason]
    account = Account.of(gateway.database, caller)
    account.limit_team(budget_micros=40_000)
    assert submit(caller, "careful", prompt, **fields).status_code == status
    answer = submit(caller, "careful", prompt)
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers


def test_a_key_is_free_again_when_nothing_was_accepted(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    broken = f"{prompt} [submit 401 1]"
    assert submit(caller, "again", broken).status_code == 503
    answer = submit(caller, "again", broken)
    assert answer.status_code == 200
    assert "idempotency-replayed" not in answer.headers
    assert len(simulator.accepted(broken)) == 1
    assert submit(caller, "again", broken).json() == answer.json()


def test_a_refusal_of_the_upstream_frees_the_key_for_a_better_request(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    refused = f"{prompt} [submit 422]"
    assert [submit(caller, "refused", refused).status_code for _ in range(2)] == [422, 422]
    assert simulator.accepted(refused) == []
    better = submit(caller, "refused", prompt)
    assert (better.status_code, "idempotency-replayed" in better.headers) == (200, False)
    assert submit(caller, "refused", prompt).json() == better.json()


def test_a_key_is_kept_for_24_hours(caller: Caller, gateway: Gateway, prompt: str) -> None:
    account = Account.of(gateway.database, caller)
    first = submit(caller, "daily", prompt).json()["request_id"]
    age = "UPDATE idempotency_keys SET created_at = now() - make_interval(secs => $2) WHERE team_id = $1"
    gateway.database.rows(age, account.team_id, 24 * 3600 - 60)
    assert submit(caller, "daily", prompt).json()["request_id"] == first
    gateway.database.rows(age, account.team_id, 24 * 3600 + 60)
    second = submit(caller, "daily", f"{prompt} of another day").json()["request_id"]
    assert second != first
    assert submit(caller, "daily", f"{prompt} of another day").json()["request_id"] == second


def test_a_replay_is_given_even_when_the_money_is_gone(caller: Caller, gateway: Gateway, prompt: str) -> None:
    first = submit(caller, "poor", prompt).json()["request_id"]
    Account.of(gateway.database, caller).limit_team(budget_micros=0)
    assert submit(caller, "poor", prompt).json()["request_id"] == first
    assert submit(caller, "poorer", prompt).status_code == 402


BAD_KEYS = {"empty": b"", "only quotes": b'""', "long": b"x" * 256, "not ASCII": "ä".encode(), "tab": b"a\tb"}


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_a_key_that_cannot_be_one_is_refused(
    caller: Caller, simulator: Simulator, prompt: str, bad: str
) -> None:
    answer = caller.post(DEV, json={"prompt": prompt}, headers=[(b"idempotency-key", BAD_KEYS[bad])])
    assert (answer.status_code, answer.json()["error_type"]) == (400, "bad_request")
    assert simulator.accepted(prompt) == []


def test_two_keys_at_once_are_refused(caller: Caller, prompt: str) -> None:
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]
    assert caller.post(DEV, json={"prompt": prompt}, headers=headers).status_code == 400
