"""QuickRouter's upstream: no status and no cancel route, so the result is asked for and that is learned."""

import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator


@pytest.fixture
def upstream(start_simulator: StartSimulator) -> Simulator:
    return start_simulator(profile="quickrouter", run_seconds=1)


@pytest.fixture
def gateway(start_gateway: StartGateway, upstream: Simulator) -> Gateway:
    return start_gateway(upstream=upstream, upstream_profile="quickrouter")


def test_jobs_complete_and_a_missing_status_route_is_asked_for_once(gateway: Gateway, prompt: str) -> None:
    caller = gateway.caller()
    first = caller.job(prompt)
    gateway.database.wait(first, "succeeded")
    calls = gateway.metric('fluxgate_upstream_seconds_count{operation="status"')
    later = [caller.job(f"{prompt} {number}") for number in range(5)]
    for job_id in later:
        caller.wait(job_id)
        assert caller.result(job_id).status_code == 200
    assert calls == 1
    assert gateway.metric('fluxgate_upstream_seconds_count{operation="status"') == calls


def test_the_eight_fields_name_us_and_not_fal(gateway: Gateway, prompt: str) -> None:
    answer = gateway.caller().submit(prompt)
    assert len(answer.json()) == 8
    assert "fal.run" not in answer.text
    assert answer.json()["status_url"].startswith(gateway.address)


def test_a_failure_is_passed_on_byte_for_byte(gateway: Gateway, upstream: Simulator, prompt: str) -> None:
    caller = gateway.caller()
    failing = f"{prompt} [fail 422]"
    job_id = caller.job(failing)
    caller.wait(job_id)
    theirs = upstream.result_of(upstream.only(failing)["id"])
    assert caller.result(job_id).content == theirs.content
    assert caller.status(job_id).json()["error_type"] == "content_policy_violation"


def test_a_cancellation_is_only_a_wish_here(gateway: Gateway, upstream: Simulator, prompt: str) -> None:
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} [slow 7]")
    answer = caller.cancel(job_id)
    assert (answer.status_code, answer.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    caller.wait(job_id)
    assert caller.result(job_id).status_code == 200
    assert "cancel" not in upstream.inside()["counts"]


def test_an_ambiguous_submit_is_unknown_here_too(gateway: Gateway, prompt: str) -> None:
    job_id = gateway.caller().job(f"{prompt} [submit reset]")
    assert gateway.database.state(job_id) == "unknown"


def test_a_refusal_of_our_key_does_not_show_the_upstreams_words(gateway: Gateway, prompt: str) -> None:
    answer = gateway.caller().submit(f"{prompt} [submit 403]")
    assert (answer.status_code, answer.json()["error_type"]) == (503, "upstream_unavailable")
    assert "new_api_error" not in answer.text
