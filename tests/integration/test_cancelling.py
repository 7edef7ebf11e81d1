"""A cancellation stops what can be stopped, and a stopped job ends like any other."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import Caller
from tests.support.database import BLOCKED, under_way
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.waiting import until

# Whatever callers do.
PUT_OFF = """
    UPDATE work SET due_at = now() + interval '1 h', pull_from = now() + interval '1 h'
    WHERE job_id = $1 AND NOT is_leased RETURNING 1
"""
DUE = "UPDATE work SET due_at = now() WHERE job_id = $1"


def test_a_queued_job_is_cancelled_at_once_and_its_result_is_499(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    queued = f"{prompt} [queue 60]"
    job_id = caller.job(queued)
    answer = caller.cancel(job_id)
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})
    status, result = caller.status(job_id), caller.result(job_id)
    assert (status.status_code, status.json()["status"]) == (200, "COMPLETED")
    assert status.json()["error_type"] == "client_cancelled"
    assert status.json()["error"]
    assert (result.status_code, result.json()["error_type"]) == (499, "client_cancelled")
    assert gateway.database.history(job_id) == ["submitting", "queued", "cancelled"]
    assert simulator.only(queued)["cancelled"]


def test_a_running_job_is_asked_to_stop_and_ends_as_cancelled(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    running = f"{prompt} [slow 60]"
    job_id = caller.job(running)
    caller.wait(job_id, "IN_PROGRESS")
    # A worker that looks at this moment would ask the upstream first.
    until(lambda: gateway.database.rows(PUT_OFF, UUID(job_id)))
    answer = caller.cancel(job_id)
    assert (answer.status_code, answer.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    gateway.database.rows(DUE, UUID(job_id))
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 499
    assert gateway.database.state(job_id) == "cancelled"
    assert simulator.only(running)["cancelled"]


def test_a_job_that_would_not_stop_still_gives_its_result(start_gateway: StartGateway, prompt: str) -> None:
    # One that has seen longer jobs would look for the first time after the end of this one.
    caller = start_gateway().caller()
    job_id = caller.job(f"{prompt} [slow 6] [stubborn]")
    caller.wait(job_id, "IN_PROGRESS")
    assert caller.cancel(job_id).status_code == 202
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200


def test_a_completed_job_can_no_longer_be_cancelled(caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt)
    caller.wait(job_id)
    answer = caller.cancel(job_id)
    assert (answer.status_code, answer.json()) == (400, {"status": "ALREADY_COMPLETED"})
    assert caller.result(job_id).status_code == 200


def test_a_second_cancellation_is_too_late(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [queue 60]")
    assert caller.cancel(job_id).status_code == 200
    again = caller.cancel(job_id)
    assert (again.status_code, again.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_who_cancels_while_the_worker_sees_to_it_is_told_that_it_is_done(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    """Between the upstream's answer and ours the worker looks, and ends the job as it finds it."""
    gateway = start_gateway()
    caller, database = gateway.caller(), gateway.database
    queued = f"{prompt} [queue 60]"
    job_id = caller.job(queued)
    owed = "SELECT FROM work WHERE job_id = $1 AND NOT is_leased FOR UPDATE"
    with ThreadPoolExecutor(1) as threads:
        with under_way(database, owed, UUID(job_id)) as further:
            cancelling = threads.submit(caller.cancel, job_id)
            until(lambda: simulator.only(queued)["cancelled"] and database.rows(BLOCKED))
            further(f"UPDATE jobs SET state = 'cancelled', completed_at = now() WHERE id = '{job_id}'")
            further(f"DELETE FROM work WHERE job_id = '{job_id}'")
        answer = cancelling.result()
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})


@pytest.mark.parametrize("trouble", ["[cancel 500 1]", "[cancel reset 1]", "[cancel garbage 1]"])
def test_a_cancellation_that_the_upstream_did_not_hear_is_repeated(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str, trouble: str
) -> None:
    troubled = f"{prompt} [slow 60] {trouble}"
    job_id = caller.job(troubled)
    # The first to ask is the caller, not a worker that looks at this moment.
    until(lambda: gateway.database.rows(PUT_OFF, UUID(job_id)))
    assert caller.cancel(job_id).status_code == 202
    gateway.database.rows(DUE, UUID(job_id))
    gateway.database.wait(job_id, "cancelled")
    assert simulator.only(troubled)["counts"]["cancel"] == 2


def test_an_unknown_job_takes_the_wish_and_is_not_called_cancelled(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    job_id = caller.job(f"{prompt} [submit reset]")
    assert caller.cancel(job_id).status_code == 202
    assert gateway.database.state(job_id) == "unknown"
    assert caller.word(job_id) == "IN_QUEUE"


def test_a_job_that_waits_for_the_upstream_is_cancelled_and_never_sent(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    upstream.process.stop()
    waiting, cancelled = caller.job(prompt), caller.job(f"{prompt} unwanted")
    # Not while it is tried once more.
    until(lambda: gateway.database.rows(PUT_OFF, UUID(cancelled)))
    assert caller.cancel(cancelled).json() == {"status": "OK"}
    history = gateway.database.history(cancelled)
    assert (history[:2], history[-2:]) == (["submitting", "accepted"], ["accepted", "cancelled"])
    again = start_simulator(port=upstream.base_url.port)
    caller.wait(waiting)
    assert again.accepted(f"{prompt} unwanted") == []
    assert caller.result(cancelled).status_code == 499


@pytest.mark.parametrize("path", ["flux-1", "flux-1/dev", "auto"])
def test_a_job_that_is_not_there_is_told_in_the_words_of_fal(caller: Caller, path: str) -> None:
    job = f"/fal-ai/{path}/requests/0190a0b0-0000-7000-8000-000000000000"
    for answer in (caller.put(f"{job}/cancel"), caller.get(f"{job}/status")):
        assert (answer.status_code, answer.json()["status"]) == (404, "NOT_FOUND")
        assert answer.json()["error_type"] == "not_found"
