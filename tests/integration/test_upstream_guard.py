"""The key goes to the configured upstream alone, and no answer can hold the gateway up or blow it up."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.database import Database, fresh_database
from tests.support.gateway import serve
from tests.support.scripted_upstream import ScriptedUpstream, scripted
from tests.support.simulator import Simulator
from tests.support.stores import UPSTREAM_KEY, Stores, settings_for
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("upstream guard")


@dataclass(frozen=True)
class Scene:
    """A caller of a gateway whose upstream says what it is told to say."""

    upstream: ScriptedUpstream
    caller: Caller
    database: Database

    def state_after(self, prompt: str) -> str:
        """Where a job stands when its submit is answered."""
        return self.database.state(self.caller.job(prompt))


@pytest.fixture(scope="module")
def scene(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scripted() as upstream, fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, upstream.address) | {"upstream_timeout_seconds": "12"}
        with serve(tmp_path_factory.mktemp("guard"), database, settings=settings) as gateway:
            yield Scene(upstream, gateway.caller(), database)


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(("profile", "scheme"), [("quickrouter", "Bearer"), ("fal", "Key")])
def test_the_upstream_is_shown_its_key_in_its_own_scheme(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str, profile: str, scheme: str
) -> None:
    upstream = on_exit.enter_context(scripted(answer(b"{}", "400 Bad Request")))
    gateway = start_gateway(upstream_url=upstream.address, upstream_profile=profile)
    assert gateway.caller().submit(prompt).status_code == 400
    [request] = upstream.requests
    assert f"authorization: {scheme} {UPSTREAM_KEY}\r\n".lower() in request.decode().lower()
    assert request.lower().count(b"authorization:") == 1


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_is_never_followed(scene: Scene, on_exit: ExitStack, prompt: str, status: str) -> None:
    elsewhere = on_exit.enter_context(scripted(answer(b'{"request_id": "stolen"}')))
    location = f"Location: {elsewhere.address}/fal-ai/flux-1/dev"
    scene.upstream.answer(answer(b"{}", status, location))
    assert scene.state_after(prompt) == "unknown"
    assert len(scene.upstream.requests) == 1
    assert elsewhere.requests == []


def test_the_addresses_in_an_answer_are_never_called(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    elsewhere = on_exit.enter_context(scripted(answer(b"{}")))
    url = f"{elsewhere.address}/fal-ai/flux-1/requests/abc"
    told = {"status": "IN_QUEUE", "request_id": "abc", "queue_position": 0, "response_url": url}
    told |= {"status_url": f"{url}/status", "cancel_url": f"{url}/cancel", "logs": None, "metrics": {}}
    upstream = on_exit.enter_context(scripted(answer(json.dumps(told).encode())))
    gateway = start_gateway(upstream_url=upstream.address)
    caller = gateway.caller()
    submitted = caller.submit(prompt)
    until(lambda: len(upstream.requests) >= 3)
    caller.cancel(submitted.json()["request_id"])
    assert elsewhere.address not in submitted.text
    assert elsewhere.requests == []


@pytest.mark.parametrize("upstream_id", ["../../admin", "a/b", "a?b=c", "", "x" * 500, "a b", "é", 7, None])
def test_an_id_that_would_change_the_path_is_no_id(scene: Scene, prompt: str, upstream_id: object) -> None:
    scene.upstream.answer(answer(json.dumps({"request_id": upstream_id}).encode()))
    assert scene.state_after(prompt) == "unknown"
    assert len(scene.upstream.requests) == 1


def test_calls_that_hang_do_not_use_up_the_connections(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway(upstream_connections="2", upstream_timeout_seconds="6")
    caller = gateway.caller()
    hanging = [caller.job(f"{prompt} {number} [submit hang 300]") for number in range(3)]
    job_id = caller.job(prompt)
    caller.wait(job_id)
    assert caller.result(job_id).json()["prompt"] == prompt
    assert {gateway.database.state(one) for one in hanging} == {"unknown"}
    assert [len(simulator.accepted(f"{prompt} {number} [submit hang 300]")) for number in range(3)] == [1] * 3


NUL = b'{"detail": [{"loc": ["body"], "msg": "a\\u0000b", "type": "c\\u0000d"}], "error_type": "e\\u0000f"}'


def accepted_as(job: str) -> bytes:
    return answer(json.dumps({"request_id": job}).encode())


def test_a_refusal_that_no_text_column_takes_is_passed_on_and_costs_nothing(
    scene: Scene, prompt: str
) -> None:
    scene.upstream.answer(answer(NUL, "422 Unprocessable Entity"))
    refusal = scene.caller.submit(prompt)
    assert (refusal.status_code, refusal.content) == (422, NUL)
    job = scene.database.job(refusal.headers["x-fal-request-id"])
    assert (job["state"], job["cost_micros"]) == ("failed", 0)
    assert job["error"] == "a\N{REPLACEMENT CHARACTER}b"


def test_a_failure_that_no_text_column_takes_ends_its_job(scene: Scene, prompt: str) -> None:
    status = b'{"status": "COMPLETED", "error": "a\\u0000b", "error_type": "c\\u0000d"}'
    failed = answer(NUL, "422 Unprocessable Entity")
    scene.upstream.answer_by_path(accepted_as(f"u-{prompt[-32:]}"), answer(status), failed)
    job_id = scene.caller.job(prompt)
    scene.caller.wait(job_id)
    result = scene.caller.result(job_id)
    assert (result.status_code, result.content) == (422, NUL)
    job = scene.database.job(job_id)
    assert (job["state"], job["cost_micros"]) == ("failed", 0)


def test_a_word_of_the_upstreams_frees_no_idempotency_key(scene: Scene, prompt: str) -> None:
    """A job that it took and billed stays the job of its key, whatever its failure is called."""
    word = b'{"status": "COMPLETED", "error": "no", "error_type": "upstream_unavailable"}'
    billed = answer(b'{"detail": "no"}', "422 Unprocessable Entity", "X-Fal-Billable-Units: 1")
    scene.upstream.answer_by_path(accepted_as(f"u-{prompt[-32:]}"), answer(word), billed)
    headers = {"idempotency-key": prompt}
    first = scene.caller.post(DEV, json={"prompt": prompt}, headers=headers)
    job_id = first.json()["request_id"]
    scene.caller.wait(job_id)
    job = scene.database.job(job_id)
    assert (job["error_type"], job["cost_micros"]) == ("upstream_unavailable", 25_000)
    again = scene.caller.post(DEV, json={"prompt": prompt}, headers=headers)
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
