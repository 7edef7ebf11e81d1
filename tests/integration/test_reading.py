"""Status and result on all their addresses, with fal's codes, shapes and headers."""

import pytest

from tests.support.caller import Caller
from tests.support.simulator import Simulator

APPS = ["flux-1", "flux-1/dev", "auto"]


@pytest.mark.parametrize("app", APPS)
def test_every_address_of_a_job_answers(caller: Caller, prompt: str, app: str) -> None:
    job_id = caller.job(prompt)
    caller.wait(job_id)
    path = f"/fal-ai/{app}/requests/{job_id}"
    answers = [caller.get(path + end) for end in ("", "/response", "/status")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json()["prompt"] == prompt
    assert answers[1].content == answers[0].content
    assert answers[2].json()["status"] == "COMPLETED"


@pytest.mark.parametrize("app", ["flux-lora", "flux-1/schnell", "flux", "flux-1/dev/extra", "fal-ai/flux-1"])
def test_a_job_is_not_found_under_another_app(caller: Caller, prompt: str, app: str) -> None:
    job_id = caller.job(f"{prompt} [slow 600]")
    path = f"/fal-ai/{app}/requests/{job_id}"
    assert caller.get(path).status_code == 404
    assert caller.get(f"{path}/status").status_code == 404
    assert caller.put(f"{path}/cancel").status_code == 404
    assert caller.word(job_id) != "COMPLETED"


def test_a_status_in_the_queue_has_a_position_and_202(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [queue 60]")
    answer = caller.status(job_id)
    body = answer.json()
    assert answer.status_code == 202
    assert body["status"] == "IN_QUEUE"
    assert isinstance(body["queue_position"], int)
    assert {"request_id", "response_url", "status_url", "cancel_url", "logs", "metrics"} <= body.keys()


def test_a_running_status_has_logs_and_202(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [slow 60]")
    caller.wait(job_id, "IN_PROGRESS")
    answer = caller.status(job_id)
    assert answer.status_code == 202
    assert answer.json()["logs"] is None
    assert "queue_position" not in answer.json()


def test_a_final_status_has_200_and_metrics(caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt)
    caller.wait(job_id)
    answer = caller.status(job_id)
    assert answer.status_code == 200
    assert answer.json()["metrics"]["inference_time"] > 0
    assert "error" not in answer.json()


def test_a_result_that_is_asked_for_too_early_is_still_in_progress(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [slow 60]")
    answer = caller.result(job_id)
    assert answer.status_code == 400
    assert answer.json()["detail"] == "Request is still in progress"


@pytest.mark.parametrize(
    ("trouble", "error_type"),
    [
        ("[fail 422]", "content_policy_violation"),
        ("[fail 422 billed]", "content_policy_violation"),
        ("[fail 500]", "runner_server_error"),
        ("[fail 503]", "runner_disconnected"),
        ("[fail 504]", "request_timeout"),
    ],
)
def test_a_failed_job_answers_what_the_upstream_gave_byte_for_byte(
    caller: Caller, simulator: Simulator, prompt: str, trouble: str, error_type: str
) -> None:
    job_id = caller.job(f"{prompt} {trouble}")
    caller.wait(job_id)
    told, answer = caller.status(job_id), caller.result(job_id)
    theirs = simulator.result_of(simulator.only(f"{prompt} {trouble}")["id"])
    assert (answer.status_code, answer.content) == (theirs.status_code, theirs.content)
    assert answer.status_code == int(trouble[6:9])
    assert answer.headers.get("x-fal-billable-units") == theirs.headers.get("x-fal-billable-units")
    assert told.status_code == 200
    assert told.json()["error_type"] == error_type
    assert told.json()["error"]


def test_a_result_carries_the_billed_units_but_our_id(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    job_id = caller.job(prompt, num_images=2)
    caller.wait(job_id)
    answer = caller.result(job_id)
    assert answer.headers["x-fal-billable-units"] == "1.572864"
    assert answer.headers["x-fal-request-id"] == job_id != simulator.only(prompt)["id"]
    assert answer.headers["content-type"] == "application/json"


def test_every_answer_of_a_job_route_carries_an_id_of_ours(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [slow 60]")
    about_the_job = [
        caller.status(job_id),
        caller.result(job_id),
        caller.submit(f"{prompt} [submit 422]"),
        caller.submit(f"{prompt} [submit 401]"),
        caller.cancel(job_id),
    ]
    without_a_job = [
        caller.submit(""),
        caller.submit(prompt, "/fal-ai/no-such/model"),
        caller.status("unknown"),
        caller.get("/fal-ai/flux-1/nothing"),
        caller.delete("/fal-ai/flux-1/dev"),
        caller.get(f"/fal-ai/flux-1/requests/{job_id}", headers={"authorization": "Key fg_wrong"}),
    ]
    assert all(answer.headers["x-fal-request-id"] for answer in about_the_job + without_a_job)
    assert all(answer.headers["x-request-id"] for answer in about_the_job + without_a_job)
    own = [answer.headers["x-fal-request-id"] for answer in about_the_job]
    assert [own[0], own[1], own[4]] == [job_id] * 3


def test_a_callers_own_request_id_is_kept_when_it_is_harmless(caller: Caller) -> None:
    given = caller.get("/livez", headers={"x-request-id": "trace-0123.abc"})
    assert given.headers["x-request-id"] == "trace-0123.abc"
    refused = caller.get("/livez", headers={"x-request-id": 'a b"<script>'})
    assert refused.headers["x-request-id"].isalnum()
