"""fal's proxy protocol: our own routes under one address, with their own statuses, and nothing else."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.waiting import until
from tests.support.wire import connect, exchange

PROXY = "/api/fal/proxy"
QUEUE = "https://queue.fal.run"
SUBMIT = f"{QUEUE}{DEV}"
OWN_TO_A_REQUEST = {"date", "x-request-id"}


def through(caller: Caller, method: str, target: str, **options: Any) -> httpx.Response:
    """What the proxy answers to a request for one of fal's addresses."""
    headers = {"x-fal-target-url": target, "content-type": "application/json", **options.pop("headers", {})}
    return caller.request(method, PROXY, headers=headers, **options)


def job_address(job_id: str, what: str = "") -> str:
    return f"{QUEUE}/fal-ai/flux-1/requests/{job_id}{what}"


def lasting(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN_TO_A_REQUEST}


def test_a_generation_through_the_proxy_keeps_every_status(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    prompt = f"{prompt} [slow 7]"
    submitted = through(caller, "POST", SUBMIT, json={"prompt": prompt})
    job_id = submitted.json()["request_id"]
    assert submitted.status_code == 200
    assert submitted.headers["x-fal-request-id"] == job_id
    assert submitted.json()["status_url"].startswith(gateway.address)
    first = through(caller, "GET", job_address(job_id, "/status?logs=1"))
    assert (first.status_code, first.json()["request_id"]) == (202, job_id)
    until(lambda: through(caller, "GET", job_address(job_id, "/status?logs=1")).status_code == 200)
    last = through(caller, "GET", job_address(job_id, "/status?logs=1")).json()
    assert last["status"] == "COMPLETED"
    assert last["logs"]
    result = through(caller, "GET", job_address(job_id))
    assert (result.status_code, result.headers["x-fal-request-id"]) == (200, job_id)
    assert len(result.json()["images"]) == 1
    assert simulator.only(prompt)["path"] == DEV


def test_a_job_can_be_cancelled_through_the_proxy(caller: Caller, prompt: str) -> None:
    job_id = through(caller, "POST", SUBMIT, json={"prompt": f"{prompt} [slow 60]"}).json()["request_id"]
    caller.wait(job_id, "IN_PROGRESS")
    asked = through(caller, "PUT", job_address(job_id, "/cancel"))
    assert (asked.status_code, asked.json()) == (202, {"status": "CANCELLATION_REQUESTED"})
    until(lambda: through(caller, "GET", job_address(job_id)).status_code == 499)
    late = through(caller, "PUT", job_address(job_id, "/cancel"))
    assert (late.status_code, late.json()) == (400, {"status": "ALREADY_COMPLETED"})


def test_what_is_answered_is_what_the_route_itself_answers(caller: Caller, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [fail 422]")
    caller.wait(job_id)
    base = "/fal-ai/flux-1/requests"
    for method, path, options in (
        ("GET", f"{base}/{job_id}/status?logs=1", {}),
        ("GET", f"{base}/{job_id}", {}),
        ("GET", f"{base}/{job_id}/response", {}),
        ("PUT", f"{base}/{job_id}/cancel", {}),
        ("GET", f"{base}/0190a0b0-0000-7000-8000-000000000000", {}),
        ("GET", "/fal-ai/nothing", {}),
        ("DELETE", DEV, {}),
        ("POST", DEV, {"json": {}}),
        ("POST", DEV, {"json": {"prompt": prompt, "num_images": 5}}),
        ("POST", DEV, {"content": b"{"}),
        ("POST", DEV, {"content": b" " * 1_000_001}),
        ("POST", "/fal-ai/no/such-model", {"json": {"prompt": prompt}}),
    ):
        direct = caller.request(method, path, headers={"content-type": "application/json"}, **options)
        proxied = through(caller, method, QUEUE + path, **options)
        assert (proxied.status_code, proxied.content) == (direct.status_code, direct.content), path
        if job_id in path:
            assert lasting(proxied) == lasting(direct)
        else:
            assert lasting(proxied).keys() == lasting(direct).keys()


@pytest.mark.parametrize("credential", ["", "Bearer fg_wrong", "Basic eDp5"])
def test_without_a_credential_nothing_passes(gateway: Gateway, prompt: str, credential: str) -> None:
    headers = {"x-fal-target-url": SUBMIT} | ({"authorization": credential} if credential else {})
    answer = httpx.post(
        f"{gateway.address}{PROXY}", json={"prompt": prompt}, headers=headers, trust_env=False, timeout=60
    )
    assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthorized")
    assert answer.headers["x-fal-error-type"] == "unauthorized"


def test_two_credentials_are_refused(caller: Caller, gateway: Gateway) -> None:
    lines = [f"GET {PROXY} HTTP/1.1", "Host: gateway", "Connection: close"]
    lines += [f"Authorization: Key {caller.key}"] * 2 + [f"x-fal-target-url: {job_address('x')}"]
    assert exchange(gateway.address, "\r\n".join(lines).encode() + b"\r\n\r\n").status == 401


def test_a_browser_token_passes_and_keeps_its_limits(caller: Caller, gateway: Gateway, prompt: str) -> None:
    minted = caller.post("/api/tokens", json={"origin": "https://app.example", "max_images": 1})
    page = gateway.caller(minted.json()["token"])
    own = {"origin": "https://app.example"}
    assert through(page, "POST", SUBMIT, json={"prompt": prompt}).status_code == 401
    first = through(page, "POST", SUBMIT, json={"prompt": prompt}, headers=own)
    assert first.status_code == 200
    assert through(page, "GET", job_address(caller.job(prompt)), headers=own).status_code == 404
    assert through(page, "POST", SUBMIT, json={"prompt": prompt}, headers=own).status_code == 402


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("", 412),
        ("https://example.com/fal-ai/flux-1/dev", 412),
        ("http://queue.fal.run/fal-ai/flux-1/dev", 412),
        ("https://queue.fal.run:443/fal-ai/flux-1/dev", 412),
        ("https://x@queue.fal.run/fal-ai/flux-1/dev", 412),
        ("https://queue.fal.run/fal-ai/../api/admin/keys", 412),
        ("https://queue.fal.run/api/admin/keys", 412),
        ("https://queue.fal.run/metrics", 412),
        ("https://rest.fal.ai/tokens/", 412),
        (f"{QUEUE}{DEV}?{'a' * 9000}", 412),
    ],
)
def test_what_is_not_served_is_a_problem_of_the_proxy(caller: Caller, target: str, status: int) -> None:
    answer = through(caller, "GET", target)
    assert (answer.status_code, answer.json()["error_type"]) == (status, "target_refused")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


def test_the_target_stands_in_one_header(caller: Caller, gateway: Gateway) -> None:
    none = caller.get(PROXY)
    assert (none.status_code, none.json()["error_type"]) == (400, "bad_request")
    assert none.headers["content-type"] == "application/problem+json"
    lines = [f"GET {PROXY} HTTP/1.1", "Host: gateway", "Connection: close"]
    lines += [f"Authorization: Key {caller.key}"] + [f"x-fal-target-url: {job_address('x')}"] * 2
    two = exchange(gateway.address, "\r\n".join(lines).encode() + b"\r\n\r\n")
    assert (two.status, two.json["error_type"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "declared", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_is_json(caller: Caller, declared: str) -> None:
    answer = through(caller, "POST", SUBMIT, content=b"{}", headers={"content-type": declared})
    assert (answer.status_code, answer.json()["error_type"]) == (415, "unsupported_media_type")
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "OPTIONS", "PURGE"])
def test_other_methods_are_not_taken(caller: Caller, method: str) -> None:
    answer = through(caller, method, SUBMIT)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, PUT, DELETE")


def test_one_address_and_no_other_is_the_proxy(caller: Caller, simulator: Simulator, prompt: str) -> None:
    stray = {"x-fal-target-url": "https://evil.example/"}
    assert through(caller, "POST", SUBMIT, json={"prompt": prompt}, params={"fal_webhook": "x"}).is_success
    assert caller.post(DEV, json={"prompt": prompt}, headers=stray).status_code == 200
    assert caller.post(f"{PROXY}/", json={"prompt": prompt}, headers=stray).status_code == 404
    assert [set(job["headers"]) & {"x-fal-target-url"} for job in simulator.accepted(prompt)] == [
        set(),
        set(),
    ]


def test_the_submit_headers_of_the_client_go_upstream(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    headers = {"x-fal-queue-priority": "low", "x-fal-client-proxy": "@fal-ai/server-proxy/express"}
    through(caller, "POST", SUBMIT, json={"prompt": prompt}, headers=headers)
    assert simulator.only(prompt)["headers"]["x-fal-queue-priority"] == "low"


def test_it_is_counted_and_logged_as_the_route_that_answers(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(log_level="debug")
    caller = gateway.caller()
    through(caller, "POST", SUBMIT, json={"prompt": prompt})
    through(caller, "GET", "https://example.com/")
    counted = "fluxgate_request_seconds_count"
    until(lambda: gateway.metric(f'{counted}{{method="POST",route="submit",status="200"}}') == 1)
    until(lambda: gateway.metric(f'{counted}{{method="GET",route="proxy",status="412"}}') == 1)

    def answered() -> list[str]:
        paths = [line["path"] for line in gateway.process.events("request.answered")]
        return [path for path in paths if path in (DEV, PROXY)]

    until(lambda: answered() == [DEV, PROXY])


def test_a_page_of_another_origin_may_use_it(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(cors_origins="https://app.example")
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-fal-target-url,x-fal-queue-priority",
    }
    assert (
        httpx.options(f"{gateway.address}{PROXY}", headers=asked, trust_env=False, timeout=60).status_code
        == 200
    )
    own = {"origin": "https://app.example"}
    answer = through(gateway.caller(), "POST", SUBMIT, json={"prompt": prompt}, headers=own)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")


def test_a_stream_is_passed_on_while_it_comes(start_gateway: StartGateway, prompt: str) -> None:
    # One that has seen longer jobs would look for the first time after the end of this one.
    caller = start_gateway().caller()
    job_id = through(caller, "POST", SUBMIT, json={"prompt": f"{prompt} [slow 7]"}).json()["request_id"]
    words: list[str] = []
    seen: list[str] = []
    headers = {"x-fal-target-url": job_address(job_id, "/status/stream?logs=1")}
    with caller.stream("GET", PROXY, headers=headers) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["x-fal-request-id"] == job_id
        for line in answer.iter_lines():
            if line.startswith("data: "):
                words.append(json.loads(line.removeprefix("data: "))["status"])
                seen.append(caller.word(job_id))
    assert words[-1] == "COMPLETED"
    # Each was there while it was so, not all of them at the end.
    assert seen[0] != "COMPLETED"
    assert "IN_PROGRESS" in words


def test_what_waits_is_let_go_when_the_caller_goes_away(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    job_id = through(caller, "POST", SUBMIT, json={"prompt": f"{prompt} [slow 60]"}).json()["request_id"]
    lines = [f"GET {PROXY} HTTP/1.1", "Host: gateway", f"Authorization: Key {caller.key}"]
    lines += [f"x-fal-target-url: {job_address(job_id, '/status/stream')}"]
    ended = 'fluxgate_request_seconds_count{method="GET",route="status stream"'
    before = gateway.metric(ended)
    with connect(gateway.address) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    until(lambda: gateway.metric(ended) > before)
    caller.cancel(job_id)


def test_the_synchronous_route_and_the_storage_stand_behind_it_too(caller: Caller, prompt: str) -> None:
    made = through(caller, "POST", f"https://fal.run{DEV}", json={"prompt": prompt})
    assert (made.status_code, len(made.json()["images"])) == (200, 1)
    begun = through(
        caller,
        "POST",
        "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3",
        json={"content_type": "image/png", "file_name": "a.png"},
    )
    assert begun.status_code == 200
    assert begun.json().keys() >= {"upload_url", "file_url"}
