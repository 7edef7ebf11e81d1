"""What may have been accepted is never sent again: it is unknown, visible as such, and in the end lost."""

import pytest

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator

AMBIGUOUS = ["[submit reset]", "[submit garbage]", "[submit 500 accepted]", "[submit 503 accepted]"]


@pytest.mark.parametrize("trouble", AMBIGUOUS)
def test_an_ambiguous_submit_is_unknown_and_never_sent_twice(
    start_gateway: StartGateway, simulator: Simulator, prompt: str, trouble: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    ambiguous = f"{prompt} {trouble}"
    answer = caller.submit(ambiguous)
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    assert len(answer.json()) == 8
    job_id = answer.json()["request_id"]
    assert gateway.database.state(job_id) == "unknown"
    ready = gateway.get("/readyz")
    assert (ready.status_code, ready.json()["held_jobs"]) == (200, {"accepted": 0, "unknown": 1})
    assert gateway.metric('fluxgate_jobs_open{state="unknown"}') == 1
    assert caller.word(job_id) == "IN_QUEUE"
    assert caller.result(job_id).status_code == 400

    # Its time is over.
    gateway.database.rows("UPDATE work SET due_at = now()")
    caller.wait(job_id)
    assert gateway.database.history(job_id) == ["submitting", "unknown", "lost"]
    status, result = caller.status(job_id), caller.result(job_id)
    assert (status.status_code, status.json()["error_type"]) == (200, "submit_unknown")
    assert (result.status_code, result.json()["error_type"]) == (502, "submit_unknown")
    assert len(simulator.accepted(ambiguous)) == 1


def test_a_submit_that_is_put_off_goes_out_later_and_once(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    busy = f"{prompt} [submit 429 2 retry-after=1]"
    answer = caller.submit(busy)
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    job_id = answer.json()["request_id"]
    gateway.database.wait(job_id, "succeeded")
    history = gateway.database.history(job_id)
    assert history[:6] == ["submitting", "accepted"] * 2 + ["submitting", "queued"]
    assert len(simulator.accepted(busy)) == 1
