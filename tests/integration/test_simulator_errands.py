"""What the simulated upstream sends for by itself: webhooks when a job ends, and the pictures it is given."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.conftest import StartSimulator
from tests.support.receiver import Received, Receiver, receiving
from tests.support.simulator import CREDENTIAL, Simulator
from tests.support.waiting import until

DEV = "/fal-ai/flux-1/dev"
REDUX = "/fal-ai/flux-1/dev/redux"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def submit(upstream: Simulator, receiver: Receiver, prompt: str) -> str:
    address = quote(f"{receiver.address}/told?by=fal", safe="")
    answer = upstream.ask(f"{DEV}?fal_webhook={address}", prompt)
    return str(answer.raise_for_status().json()["request_id"])


def verify(upstream: Simulator, received: Received) -> None:
    """As fal's documentation tells receivers to do it."""
    names = ("request-id", "user-id", "timestamp")
    parts = [received.headers[f"x-fal-webhook-{name}"] for name in names]
    message = "\n".join([*parts, hashlib.sha256(received.body).hexdigest()]).encode()
    signature = bytes.fromhex(received.headers["x-fal-webhook-signature"])
    keys = upstream.get("/.well-known/jwks.json").json()["keys"]
    for key in keys:
        assert (key["kty"], key["crv"]) == ("OKP", "Ed25519")
        public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
        try:
            public.verify(signature, message)
        except InvalidSignature:
            continue
        return
    raise AssertionError("no published key fits")


def test_the_end_of_a_job_is_told_with_its_result(
    simulator: Simulator, receiver: Receiver, prompt: str
) -> None:
    upstream_id = submit(simulator, receiver, prompt)
    [received] = until(lambda: receiver.requests)
    assert (received.method, received.path) == ("POST", "/told?by=fal")
    verify(simulator, received)
    assert received.headers["x-fal-webhook-request-id"] == upstream_id
    told = json.loads(received.body)
    result = simulator.result_of(upstream_id).json()
    ids = {"request_id": upstream_id, "gateway_request_id": upstream_id}
    assert told == {**ids, "status": "OK", "payload": result}
    inside = simulator.only(prompt)
    assert inside["webhook"] == f"{receiver.address}/told?by=fal"
    assert [tried["status"] for tried in until(lambda: told_tries(simulator, prompt))] == [200]


@pytest.mark.parametrize("status", [422, 500])
def test_a_failure_is_told_with_what_the_model_said(
    simulator: Simulator, receiver: Receiver, prompt: str, status: int
) -> None:
    upstream_id = submit(simulator, receiver, f"{prompt} [fail {status}]")
    [received] = until(lambda: receiver.requests)
    verify(simulator, received)
    told = json.loads(received.body)
    assert (told["status"], told["error"]) == ("ERROR", f"Invalid status code: {status}")
    assert told["payload"] == simulator.result_of(upstream_id).json()


def test_a_cancellation_is_told_too(simulator: Simulator, receiver: Receiver, prompt: str) -> None:
    upstream_id = submit(simulator, receiver, f"{prompt} [slow 60]")
    cancelled = simulator.put(f"/fal-ai/flux-1/requests/{upstream_id}/cancel", headers=CREDENTIAL)
    assert cancelled.status_code == 202
    [received] = until(lambda: receiver.requests)
    assert json.loads(received.body)["error"] == "Invalid status code: 499"


def test_a_webhook_is_sent_again_until_it_is_taken(
    simulator: Simulator, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500, 404]
    submit(simulator, receiver, prompt)
    until(lambda: len(told_tries(simulator, prompt)) == 3)
    assert [tried["status"] for tried in told_tries(simulator, prompt)] == [500, 404, 200]
    assert len({received.body for received in receiver.requests}) == 1


def test_a_redirect_is_not_followed(simulator: Simulator, receiver: Receiver, prompt: str) -> None:
    receiver.statuses = [307]
    submit(simulator, receiver, prompt)
    until(lambda: simulator.only(prompt)["webhook_tries"])
    assert [received.path for received in receiver.requests] == ["/told?by=fal"]


def test_a_prompt_asks_for_trouble_with_its_webhook(
    simulator: Simulator, receiver: Receiver, prompt: str
) -> None:
    submit(simulator, receiver, f"{prompt} [webhook none]")
    submit(simulator, receiver, f"{prompt} [webhook 3] [webhook late 0.2]")
    until(lambda: len(receiver.requests) == 3)
    assert [tried["status"] for tried in told_tries(simulator, f"{prompt} [webhook none]")] == []

    upstream_id = submit(simulator, receiver, f"{prompt} [webhook early]")
    assert json.loads(receiver.requests[3].body)["request_id"] == upstream_id


@pytest.mark.parametrize(
    ("fault", "other_names"),
    [
        ("forged", set()),
        ("stale", set()),
        ("retried", {"gateway_request_id"}),
        ("astray", {"request_id", "gateway_request_id"}),
    ],
)
def test_a_webhook_can_have_a_fault(
    simulator: Simulator, receiver: Receiver, prompt: str, fault: str, other_names: set[str]
) -> None:
    upstream_id = submit(simulator, receiver, f"{prompt} [webhook {fault}]")
    [received] = until(lambda: receiver.requests)
    said = json.loads(received.body)
    assert {name for name in ("request_id", "gateway_request_id") if said[name] != upstream_id} == other_names
    assert (time.time() - int(received.headers["x-fal-webhook-timestamp"]) > 300) == (fault == "stale")
    if fault == "forged":
        with pytest.raises(AssertionError, match="no published key fits"):
            verify(simulator, received)
    else:
        verify(simulator, received)


def told_tries(upstream: Simulator, prompt: str) -> list[dict[str, Any]]:
    tries = upstream.only(prompt)["webhook_tries"]
    assert isinstance(tries, list)
    return tries


def test_a_webhook_is_sent_after_a_restart(
    start_simulator: StartSimulator, receiver: Receiver, prompt: str, tmp_path: Path
) -> None:
    first = start_simulator(journal=tmp_path / "journal", run_seconds=0.01)
    done = submit(first, receiver, f"{prompt} done")
    until(lambda: receiver.requests)
    until(lambda: '"told"' in (tmp_path / "journal").read_text())
    running = submit(first, receiver, f"{prompt} [slow 5]")
    first.process.kill()
    second = start_simulator(journal=tmp_path / "journal")
    until(lambda: len(receiver.requests) == 2)
    assert [json.loads(one.body)["request_id"] for one in receiver.requests] == [done, running]
    verify(second, receiver.requests[1])


def test_the_quickrouter_profile_sends_none(
    start_simulator: StartSimulator, receiver: Receiver, prompt: str
) -> None:
    upstream = start_simulator(profile="quickrouter", run_seconds=0)
    submit(upstream, receiver, prompt)
    assert upstream.only(prompt)["webhook"] is None


def edit(upstream: Simulator, image_url: str) -> httpx.Response:
    answer = upstream.post(REDUX, json={"image_url": image_url}, headers=CREDENTIAL).raise_for_status()
    path = f"/fal-ai/flux-1/requests/{answer.json()['request_id']}"
    until(lambda: upstream.get(f"{path}/status", headers=CREDENTIAL).json()["status"] == "COMPLETED")
    return upstream.get(path, headers=CREDENTIAL)


def test_given_pictures_are_fetched_when_it_is_told_to(
    start_simulator: StartSimulator, receiver: Receiver
) -> None:
    upstream = start_simulator(fetch_images=True)
    receiver.content = b"a picture"
    assert edit(upstream, f"{receiver.address}/cat.png").status_code == 200
    assert edit(upstream, "data:image/png;base64,YSBwaWN0dXJl").status_code == 200
    fetched = [job["fetches"][0] for job in upstream.inside()["accepted"]]
    assert [(one["bytes"], one["content_type"], one["fault"]) for one in fetched] == [
        (9, "image/png", None)
    ] * 2

    receiver.statuses = [404, 307]
    for bad in (
        f"{receiver.address}/a",
        f"{receiver.address}/b",
        "http://127.0.0.1:1/",
        "data:image/png;base64,!",
    ):
        answer = edit(upstream, bad)
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "file_download_error")
    assert [received.path for received in receiver.requests] == ["/cat.png", "/a", "/b"]


def test_given_pictures_are_looked_at_by_nobody_else(simulator: Simulator) -> None:
    assert edit(simulator, "http://127.0.0.1:1/").status_code == 200
    answer = simulator.post(REDUX, json={"image_url": "file:///etc/passwd"}, headers=CREDENTIAL)
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "url_parsing")
