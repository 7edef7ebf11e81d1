"""A submit is recorded, handed over once, and answered with eight fields that are all ours."""

import pytest

from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator


def test_a_submit_is_answered_with_the_eight_fields_and_our_own_addresses(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    answer = caller.submit(prompt)
    job_id = answer.headers["x-fal-request-id"]
    job_url = f"{gateway.address}/fal-ai/flux-1/requests/{job_id}"
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "IN_QUEUE",
        "request_id": job_id,
        "response_url": job_url,
        "status_url": f"{job_url}/status",
        "cancel_url": f"{job_url}/cancel",
        "logs": None,
        "metrics": {},
        "queue_position": 0,
    }


def test_the_addresses_start_with_the_public_url(start_gateway: StartGateway, prompt: str) -> None:
    public = "https://images.example:8443/flux"
    gateway = start_gateway(public_url=f"{public}/")
    answer = gateway.caller().submit(prompt).json()
    assert answer["response_url"] == f"{public}/fal-ai/flux-1/requests/{answer['request_id']}"


def test_the_upstreams_own_id_never_leaves(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    job_id = caller.job(prompt)
    upstream_id = simulator.only(prompt)["id"]
    caller.wait(job_id)
    answers = [caller.status(job_id, logs=1), caller.result(job_id), caller.cancel(job_id)]
    shown = "".join(answer.text + str(answer.headers) for answer in answers)
    assert gateway.database.job(job_id)["upstream_id"] == upstream_id
    assert upstream_id not in shown.replace(f"/files/{upstream_id}/", "")
    assert caller.status(upstream_id).status_code == 404


def test_only_the_documented_headers_reach_the_upstream(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    headers = {
        "connection": "authorization",
        "cookie": "a=b",
        "x-fal-store-io": "0",
        "x-fal-target-url": "http://127.0.0.1:1/",
        "x-forwarded-for": "10.0.0.1",
    }
    assert caller.post(DEV, json={"prompt": prompt}, headers=headers).status_code == 200
    sent = simulator.only(prompt)["headers"]
    assert sent["x-fal-store-io"] == "0"
    assert sent.keys().isdisjoint({"cookie", "x-fal-target-url", "x-forwarded-for"})
    assert caller.key not in str(sent)


def test_what_goes_upstream_is_what_the_caller_sent_in_words_that_fal_knows(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    fields = {
        "image_size": "16:9",
        "output_format": "JPEG",
        "num_inference_steps": 0,
        "acceleration": "default",
    }
    caller.post(DEV, json={"prompt": prompt, **fields, "some_new_field": {"a": [1, "ü"]}})
    assert simulator.only(prompt)["body"] == {
        "prompt": prompt,
        "image_size": "landscape_16_9",
        "output_format": "jpeg",
        "some_new_field": {"a": [1, "ü"]},
    }


@pytest.mark.parametrize(
    "model", ["flux/dev", "flux-1/schnell", "flux-1/krea", "flux-lora", "flux-pro/v1.1", "flux-1/srpo"]
)
def test_sibling_models_go_to_their_own_route(
    caller: Caller, simulator: Simulator, prompt: str, model: str
) -> None:
    caller.job(prompt, f"/fal-ai/{model}")
    assert simulator.only(prompt)["path"] == f"/fal-ai/{model}"


def test_an_unlisted_model_passes_only_where_the_operator_says_so(
    caller: Caller, start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    refused = caller.submit(prompt, "/fal-ai/some-new/model")
    assert (refused.status_code, refused.json()["error_type"]) == (403, "model_not_allowed")
    generous = start_gateway(allow_unlisted_models="true").caller()
    job_id = generous.job(prompt, "/fal-ai/some-new/model")
    assert simulator.only(prompt)["path"] == "/fal-ai/some-new/model"
    assert generous.get(f"/fal-ai/some-new/requests/{job_id}/status").status_code in (200, 202)


def test_text_of_all_kinds_comes_back_as_it_was_sent(caller: Caller, prompt: str) -> None:
    text = f'{prompt} \u202e\u200b\x07 \U0001f431 "quotes" \\ </script> ü\u0301'
    job_id = caller.job(text)
    caller.wait(job_id)
    assert caller.result(job_id).json()["prompt"] == text


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_refusal_of_the_input_is_passed_on_and_the_job_has_failed(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str, status: int
) -> None:
    refused = f"{prompt} [submit {status}]"
    answer = caller.submit(refused)
    theirs = simulator.ask(DEV, refused)
    assert (answer.status_code, answer.content) == (status, theirs.content)
    job_id = answer.headers["x-fal-request-id"]
    assert gateway.database.history(job_id) == ["submitting", "failed"]
    assert caller.word(job_id) == "COMPLETED"
    assert caller.result(job_id).content == theirs.content
    assert simulator.accepted(refused) == []


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_of_our_own_key_is_not_shown_as_such(
    caller: Caller, gateway: Gateway, prompt: str, status: int
) -> None:
    answer = caller.submit(f"{prompt} [submit {status}]")
    assert (answer.status_code, answer.json()["error_type"]) == (503, "upstream_unavailable")
    assert answer.headers["x-fal-error-type"] == "upstream_unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert str(status) not in answer.text
    job_id = answer.headers["x-fal-request-id"]
    assert gateway.database.history(job_id) == ["submitting", "failed"]
    assert caller.status(job_id).json()["error_type"] == "upstream_unavailable"
    assert caller.result(job_id).status_code == 503
