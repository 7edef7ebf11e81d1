"""A job is followed to its end with nobody asking, and what it made is kept."""

import pytest
import redis

from app.jobs.load import redis_key
from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.waiting import until


def test_a_job_completes_with_nobody_asking(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    job_id = caller.job(prompt)
    gateway.database.wait(job_id, "succeeded")
    upstream_id = simulator.only(prompt)["id"]
    assert caller.result(job_id).content == simulator.result_of(upstream_id).content


def test_a_result_is_kept_in_postgresql_and_in_redis(
    caller: Caller, gateway: Gateway, stores: Stores, prompt: str
) -> None:
    job_id = caller.job(prompt)
    gateway.database.wait(job_id, "succeeded")
    body = gateway.database.value("SELECT body FROM job_results WHERE job_id = $1", job_id)
    with redis.Redis.from_url(stores.redis_url) as client:
        copy = until(lambda: client.get(redis_key(job_id)))
    assert isinstance(copy, bytes)
    assert copy.endswith(body)
    assert caller.result(job_id).content == body


def test_a_running_job_shows_its_logs_to_those_who_ask_for_them(
    start_gateway: StartGateway, prompt: str
) -> None:
    # One that has seen longer jobs would look for the first time after the end of this one.
    caller = start_gateway().caller()
    job_id = caller.job(f"{prompt} [slow 8]")
    caller.wait(job_id, "IN_PROGRESS")
    assert caller.status(job_id).json()["logs"] is None
    lines = until(lambda: caller.status(job_id, logs=1).json()["logs"])
    assert lines[0]["message"] == "Loading fal-ai/flux-1/dev"


def test_reads_do_not_wait_for_the_upstream(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    patient = {"lease_seconds": "190", "upstream_timeout_seconds": "180"}
    caller = start_gateway(upstream=upstream, **patient).caller()
    done, waiting = caller.job(prompt), caller.job(f"{prompt} [slow 60]")
    caller.wait(done)
    with upstream.frozen():
        assert caller.status(waiting).status_code == 202
        assert caller.result(waiting).status_code == 400
        assert caller.status(done).status_code == 200
        assert caller.result(done).json()["prompt"] == prompt


def test_callers_who_ask_all_the_time_cost_the_upstream_nothing(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator(run_seconds=5)
    caller = start_gateway(upstream=upstream).caller()
    job_id = caller.job(prompt)
    asked = 0

    def has_asked_a_lot() -> bool:
        nonlocal asked
        asked += 10
        words = {caller.word(job_id) for _ in range(10)}
        return "COMPLETED" in words and asked > 50

    until(has_asked_a_lot)
    calls = upstream.only(prompt)["counts"]
    assert calls["status"] < 12
    assert calls["result"] == 1


def test_a_job_that_the_upstream_has_forgotten_expires(caller: Caller, gateway: Gateway, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [lost]")
    gateway.database.wait(job_id, "expired")
    assert caller.status(job_id).json()["error_type"] == "upstream_error"
    assert caller.result(job_id).status_code == 502


@pytest.mark.parametrize("trouble", ["[slow 600]", "[status 500]", "[result garbage]", "[huge 25]"])
def test_no_job_outlives_the_deadline(start_gateway: StartGateway, prompt: str, trouble: str) -> None:
    gateway = start_gateway(job_deadline_seconds="2")
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} {trouble}")
    caller.wait(job_id)
    assert gateway.database.state(job_id) == "expired"
    assert caller.result(job_id).json()["error_type"] == "upstream_error"
