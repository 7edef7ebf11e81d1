"""OpenAI's way to ask for pictures, by what its clients send and expect."""

import json
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until
from tests.support.wire import connect

IMAGES = "/v1/images/generations"
KONTEXT = "fal-ai/flux-pro/kontext/text-to-image"


@pytest.fixture(scope="module")
def generous(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway whose operator lets models pass that are not listed."""
    with fresh_database(stores.database_url) as database:
        settings = {**settings_for(stores, database, simulator.address), "allow_unlisted_models": "true"}
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield gateway


def generate(
    caller: Caller, prompt: str, headers: dict[str, str] | None = None, **fields: Any
) -> httpx.Response:
    return caller.post(IMAGES, json={"prompt": prompt, **fields}, headers=headers or {})


def error_of(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["content-type"] == "application/json"
    [(name, error)] = answer.json().items()
    assert name == "error"
    assert error.keys() == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]
    return dict(error)


def job_of(gateway: Gateway, answer: httpx.Response) -> dict[str, Any]:
    return gateway.database.job(answer.headers["x-fal-request-id"])


def test_pictures_come_with_the_answer(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    before = int(time.time())
    answer = generate(caller, prompt, model="fal-ai/flux-1/dev", n=2, size="1024x768", user="zoë", seed=7)
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"created", "data"}
    assert before - 1 <= body["created"] <= time.time() + 1
    assert [list(picture) for picture in body["data"]] == [["url"], ["url"]]
    assert all(httpx.get(one["url"], trust_env=False, timeout=60).status_code == 200 for one in body["data"])
    assert simulator.only(prompt)["body"] == {
        "prompt": prompt,
        "num_images": 2,
        "image_size": {"width": 1024, "height": 768},
        "seed": 7,
    }
    job = job_of(gateway, answer)
    assert (job["state"], job["end_user"]) == ("succeeded", "zoë")
    assert answer.headers["x-fluxgate-cache"] == "MISS"
    assert "x-should-retry" not in answer.headers


def test_nothing_but_a_prompt_is_needed(caller: Caller, simulator: Simulator, prompt: str) -> None:
    assert len(generate(caller, prompt).json()["data"]) == 1
    job = simulator.only(prompt)
    assert (job["path"], job["body"]) == ("/fal-ai/flux-1/dev", {"prompt": prompt})


def test_a_model_with_ratios_is_given_one(caller: Caller, simulator: Simulator, prompt: str) -> None:
    assert generate(caller, prompt, model=KONTEXT, size="1536x1024").status_code == 200
    job = simulator.only(prompt)
    assert (job["path"], job["body"]["aspect_ratio"]) == (f"/{KONTEXT}", "3:2")


@pytest.mark.parametrize("output_format", ["png", "jpeg"])
def test_pictures_may_come_as_bytes(caller: Caller, prompt: str, output_format: str) -> None:
    answer = generate(caller, prompt, n=2, response_format="b64_json", output_format=output_format)
    assert answer.status_code == 200
    pictures = [b64decode(one["b64_json"], validate=True) for one in answer.json()["data"]]
    start = b"\x89PNG" if output_format == "png" else b"\xff\xd8\xff"
    assert [picture[: len(start)] for picture in pictures] == [start, start]


def test_pictures_in_the_answer_itself_need_no_fetching(caller: Caller, prompt: str) -> None:
    answer = generate(caller, prompt, response_format="b64_json", sync_mode=True)
    [picture] = answer.json()["data"]
    assert b64decode(picture["b64_json"], validate=True)[:3] == b"\xff\xd8\xff"


def test_a_picture_that_cannot_be_fetched_is_told_with_its_job(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(picture_limit_bytes="100")
    caller = gateway.caller()
    answer = generate(caller, prompt, response_format="b64_json")
    error = error_of(answer)
    job_id = answer.headers["x-fal-request-id"]
    assert (answer.status_code, error["code"], error["type"]) == (502, "upstream_error", "server_error")
    assert job_id in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert len(caller.result(job_id).json()["images"]) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"size": "20000x512"}, ("size", "image_size.width: Input should be less than or equal to 14142")),
        ({"size": "0x512"}, ("size", "image_size.width: Input should be greater than 0")),
        ({"size": "big"}, ("size", "size: write WIDTHxHEIGHT like 1024x768")),
        (
            {"model": KONTEXT, "size": "1792x1024"},
            ("size", "21:9, 16:9, 4:3, 3:2, 1:1, 2:3, 3:4, 9:16, 9:21"),
        ),
        ({"n": 5}, ("n", "num_images: Input should be less than or equal to 4")),
        ({"n": 0}, ("n", "num_images: Input should be greater than or equal to 1")),
        ({"n": "2"}, ("n", "n: Input should be a valid integer")),
        ({"output_format": "webp"}, ("output_format", "'jpeg' or 'png'")),
        ({"output_format": "gif"}, ("output_format", "'jpeg' or 'png'")),
        ({"response_format": "png"}, ("response_format", "'url' or 'b64_json'")),
        ({"stream": "yes"}, ("stream", "valid boolean")),
        ({"stream": True, "n": 5}, ("n", "num_images: ")),
        ({"prompt": None}, ("prompt", "prompt: ")),
        ({"prompt": ""}, ("prompt", "prompt: ")),
        ({"seed": 1.5}, ("seed", "seed: ")),
        ({"guidance_scale": 50}, ("guidance_scale", "less than or equal to 20")),
        ({"user": "x" * 201}, ("user", "200")),
        ({"image_size": "square", "size": "512x512"}, ("size", "send one of them")),
        ({"model": "fal-ai/flux-1/dev/redux"}, ("image_url", "Field required")),
    ],
)
def test_a_wrong_field_is_named_as_openai_names_it(
    caller: Caller, simulator: Simulator, prompt: str, fields: dict[str, Any], said: tuple[str, str]
) -> None:
    param, words = said
    answer = generate(caller, **{"prompt": prompt, **fields})
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["param"]) == (422, "invalid_input", param)
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert simulator.accepted(prompt) == []


def test_a_body_that_is_no_json_is_refused_in_the_same_shape(caller: Caller) -> None:
    for content, declared, status, code in (
        (b"{", "application/json", 400, "invalid_json"),
        (b'{"prompt": "a", "prompt": "b"}', "application/json", 400, "invalid_json"),
        (b"[]", "application/json", 422, "body_must_be_object"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b'{"prompt": "' + b" " * 1_000_000 + b'"}', "application/json", 413, "payload_too_large"),
        (b" " * 25_000_001, "application/json", 413, "payload_too_large"),
    ):
        answer = caller.post(IMAGES, content=content, headers={"content-type": declared})
        assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert error_of(caller.get(IMAGES))["code"] == "method_not_allowed"
    assert error_of(caller.post("/v1/images/edits"))["code"] == "not_found"


def test_a_picture_may_be_given_in_a_large_body(caller: Caller, prompt: str) -> None:
    picture = "data:image/png;base64," + "AAAA" * 400_000
    answer = generate(caller, prompt, model="fal-ai/flux-1/dev/image-to-image", image_url=picture)
    assert answer.status_code == 200


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "fal-ai/no/such-model", "../etc", "a" * 300])
def test_a_model_that_is_not_served_does_not_exist(caller: Caller, prompt: str, model: str) -> None:
    answer = generate(caller, prompt, model=model)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
    listed = caller.get(f"/v1/models/{model.replace('/', '%2F')}")
    assert (listed.status_code, error_of(listed)["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    "model",
    [
        "v1/images/generations",
        "v1/chat/completions",
        "workflows/a/b",
        "/fal-ai/flux-1/dev",
        "fal-ai/x/requests/y",
    ],
)
def test_a_model_is_no_route_of_the_upstream(generous: Gateway, prompt: str, model: str) -> None:
    answer = generate(generous.caller(), prompt, model=model)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "model_not_found")
    assert generous.database.rows("SELECT 1 FROM jobs WHERE model = $1", model) == []


def test_a_model_that_is_not_listed_is_made_where_the_operator_says_so(
    generous: Gateway, simulator: Simulator, prompt: str
) -> None:
    answer = generate(generous.caller(), prompt, model="fal-ai/some-new/model", quality="high")
    assert answer.status_code == 200
    assert simulator.only(prompt)["path"] == "/fal-ai/some-new/model"
    assert simulator.only(prompt)["body"] == {"prompt": prompt, "quality": "high"}


def test_the_models_are_listed(caller: Caller) -> None:
    listed = caller.get("/v1/models").json()
    assert listed["object"] == "list"
    assert listed["data"][0] == {
        "id": "fal-ai/flux-1/dev",
        "object": "model",
        "created": 0,
        "owned_by": "fal-ai",
    }
    for path in ("fal-ai%2Fflux-1%2Fdev", "fal-ai/flux-1/dev"):
        assert caller.get(f"/v1/models/{path}").json() == listed["data"][0]


def test_a_credential_may_be_kept_from_a_model(caller: Caller, gateway: Gateway, prompt: str) -> None:
    minted = caller.post("/api/tokens", json={"models": ["fal-ai/flux-1/schnell"]})
    answer = generate(gateway.caller(minted.json()["token"]), prompt)
    assert (answer.status_code, error_of(answer)["code"]) == (403, "model_not_allowed")
    assert "fal-ai/flux-1/schnell" in error_of(answer)["message"]


@pytest.mark.parametrize("path", [IMAGES, "/v1/models"])
def test_who_is_not_known_is_told_so(gateway: Gateway, path: str) -> None:
    method = "POST" if path == IMAGES else "GET"
    headers = {"authorization": "Bearer sk-openai"}
    answer = httpx.request(method, gateway.address + path, headers=headers, trust_env=False, timeout=60)
    assert (answer.status_code, error_of(answer)["code"]) == (401, "unauthorized")


def test_limits_are_kept_and_a_repeat_is_welcome(caller: Caller, gateway: Gateway, prompt: str) -> None:
    account = Account.of(gateway.database, caller)
    account.limit_key(budget_micros=1000)
    poor = generate(caller, prompt)
    assert (poor.status_code, error_of(poor)["code"]) == (402, "budget_exceeded")
    account.limit_key(budget_micros=None)
    gateway.database.rows("UPDATE api_keys SET requests_per_minute = 1 WHERE id = $1", account.key_id)
    fresh = gateway.caller(caller.key)
    until(lambda: generate(fresh, prompt).status_code == 429)
    fast = generate(fresh, prompt)
    assert (fast.status_code, error_of(fast)["code"]) == (429, "rate_limited")
    assert int(fast.headers["retry-after"]) > 0
    assert "x-should-retry" not in poor.headers
    assert "x-should-retry" not in fast.headers


@pytest.mark.parametrize("status", [401, 429])
def test_an_upstream_that_takes_nothing_may_be_asked_again(
    start_gateway: StartGateway, prompt: str, status: int
) -> None:
    gateway = start_gateway(accepted_backlog_limit="1", accepted_patience_seconds="60")
    caller = gateway.caller()
    if status == 429:
        # One that is tried again does not wait in that moment, and would leave its place to the next.
        caller.job(f"{prompt} waits [submit 429 retry-after=60]")
    answer = generate(caller, f"{prompt} [submit {status}]")
    assert (answer.status_code, error_of(answer)["code"]) == (503, "upstream_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert "x-should-retry" not in answer.headers
    assert "401" not in answer.text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("[fail 422]", (422, "content_policy_violation", "content checker")),
        ("[fail 500]", (500, "runner_server_error", "The runner failed while it made the image.")),
        ("[fail 503]", (503, "runner_disconnected", "The runner disconnected")),
        ("[fail 400]", (400, "bad_request", "The request is malformed.")),
        ("[submit 422]", (422, "", "")),
        ("[submit 404]", (404, "", "")),
    ],
)
def test_a_failure_of_the_model_keeps_its_status_and_is_not_repeated(
    caller: Caller, gateway: Gateway, prompt: str, words: str, told: tuple[int, str, str]
) -> None:
    status, code, message = told
    answer = generate(caller, f"{prompt} {words}")
    error = error_of(answer)
    assert answer.status_code == status
    assert code in (error["code"] or "")
    assert message in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    job = job_of(gateway, answer)
    assert (job["state"], job["error_type"]) == ("failed", error["code"])


def test_a_job_that_may_have_been_accepted_is_not_asked_for_twice(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    simulator = start_simulator()
    gateway = start_gateway(upstream=simulator, unknown_patience_seconds="0.5")
    answer = generate(gateway.caller(), f"{prompt} [submit reset]")
    assert (answer.status_code, error_of(answer)["code"]) == (502, "submit_unknown")
    assert answer.headers["x-should-retry"] == "false"
    assert len(simulator.accepted(f"{prompt} [submit reset]")) == 1


def test_a_job_that_takes_too_long_goes_on_without_its_caller(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(sync_wait_seconds="1")
    caller = gateway.caller()
    answer = generate(caller, f"{prompt} [slow 7]")
    job_id = answer.headers["x-fal-request-id"]
    error = error_of(answer)
    assert (answer.status_code, error["code"]) == (504, "request_timeout")
    assert f"/fal-ai/auto/requests/{job_id}" in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    until(lambda: caller.get(f"/fal-ai/auto/requests/{job_id}").status_code == 200)


@pytest.mark.parametrize("name", ["x-stainless-read-timeout", "X-Stainless-Timeout"])
def test_the_answer_comes_before_the_client_loses_its_patience(
    caller: Caller, prompt: str, name: str
) -> None:
    answer = generate(caller, f"{prompt} [slow 60]", headers={name: "1"})
    assert answer.status_code == 504
    assert answer.elapsed.total_seconds() < 45


def test_a_caller_who_goes_away_leaves_the_job_as_it_is(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    body = f'{{"prompt": "{prompt} [slow 1]", "seed": 1}}'.encode()
    lines = [f"POST {IMAGES} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {caller.key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    with connect(gateway.address) as connection:
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        until(lambda: simulator.accepted(f"{prompt} [slow 1]"))
    # The same request again finds the job of the first.
    answer = generate(caller, f"{prompt} [slow 1]", seed=1)
    assert (answer.status_code, len(simulator.accepted(f"{prompt} [slow 1]"))) == (200, 1)


def test_a_cancelled_job_ends_its_callers_wait(caller: Caller, prompt: str) -> None:
    key = {"idempotency-key": prompt}
    submitted = caller.post(
        "/fal-ai/flux-1/dev", json={"prompt": f"{prompt} [slow 60]", "seed": 1}, headers=key
    )
    job_id = submitted.json()["request_id"]
    caller.wait(job_id, "IN_PROGRESS")
    assert caller.cancel(job_id).status_code == 202
    answer = generate(caller, f"{prompt} [slow 60]", headers=key, seed=1)
    assert (answer.status_code, error_of(answer)["code"]) == (499, "client_cancelled")
    assert (answer.headers["x-fal-request-id"], answer.headers["x-should-retry"]) == (job_id, "false")


def test_a_repeat_with_the_same_key_is_the_same_job(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    key = {"idempotency-key": prompt}
    first = generate(caller, prompt, headers=key)
    again = generate(caller, prompt, headers=key, response_format="b64_json")
    other = generate(caller, prompt, headers=key, n=2)
    assert first.headers["x-fal-request-id"] == again.headers["x-fal-request-id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["created"] == first.json()["created"]
    assert (other.status_code, error_of(other)["code"]) == (422, "idempotency_mismatch")
    assert len(simulator.accepted(prompt)) == 1


def test_the_same_seed_is_answered_from_what_is_there(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    first, second = (generate(caller, prompt, seed=3) for _ in range(2))
    assert (first.headers["x-fluxgate-cache"], second.headers["x-fluxgate-cache"]) == ("MISS", "HIT")
    assert first.json()["data"] == second.json()["data"]
    assert first.headers["x-fal-request-id"] != second.headers["x-fal-request-id"]
    assert len(simulator.accepted(prompt)) == 1


@pytest.mark.parametrize(
    ("said", "end_user"),
    [
        (("header", {}), "header"),
        (("", {"user": "body"}), "body"),
        (("header", {"user": "body"}), "body"),
        (("header", {"user": ""}), "header"),
        (("", {"safety_identifier": "body"}), "body"),
    ],
)
def test_for_whom_it_was_made(
    caller: Caller, gateway: Gateway, prompt: str, said: tuple[str, dict[str, str]], end_user: str
) -> None:
    header, fields = said
    answer = generate(caller, prompt, headers={"x-fluxgate-end-user": header}, **fields)
    assert job_of(gateway, answer)["end_user"] == end_user


def test_the_person_a_token_was_minted_for_is_the_one(
    caller: Caller, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    token = caller.post("/api/tokens", json={"end_user": "minted"}).json()["token"]
    answer = generate(gateway.caller(token), prompt, user="somebody else")
    assert job_of(gateway, answer)["end_user"] == "minted"
    assert "user" not in simulator.only(prompt)["body"]


def test_it_is_counted_under_one_name(caller: Caller, gateway: Gateway, prompt: str) -> None:
    names = (
        'fluxgate_request_seconds_count{method="POST",route="images",status="200"}',
        'fluxgate_upstream_seconds_count{operation="picture",status="200"}',
    )
    before = [gateway.metric(name) for name in names]
    generate(caller, prompt, response_format="b64_json")
    # Others may fetch pictures here meanwhile, for jobs of theirs that have ended.
    until(lambda: all(gateway.metric(name) > number for name, number in zip(names, before, strict=True)))


def test_a_page_may_use_openais_client(start_gateway: StartGateway) -> None:
    gateway = start_gateway(cors_origins="https://app.example")
    told = "arch, lang, os, package-version, retry-count, runtime, runtime-version, timeout"
    sent = ", ".join(f"x-stainless-{word}" for word in told.split(", "))
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": f"authorization, content-type, {sent}",
    }
    answer = httpx.options(f"{gateway.address}{IMAGES}", headers=asked, trust_env=False, timeout=60)
    assert answer.status_code == 200
    told_headers = gateway.get("/v1/models", headers={"origin": "https://app.example"}).headers
    assert "x-should-retry" in told_headers["access-control-expose-headers"]


def events_of(answer: httpx.Response) -> list[tuple[str, dict[str, Any]]]:
    """The events of a stream with their names; its comments are passed over."""
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    texts = [text for text in answer.text.split("\n\n") if text and not text.startswith(":")]
    pairs = [text.split("\ndata: ", 1) for text in texts]
    return [(name.removeprefix("event: "), json.loads(data)) for name, data in pairs]


def test_a_stream_has_an_event_for_each_picture(caller: Caller, gateway: Gateway, prompt: str) -> None:
    answer = generate(caller, prompt, stream=True, n=2, partial_images=2, output_format="png")
    events = events_of(answer)
    assert [name for name, _ in events] == ["image_generation.completed"] * 2
    for name, event in events:
        assert event["type"] == name
        assert b64decode(event["b64_json"], validate=True).startswith(b"\x89PNG")
    assert job_of(gateway, answer)["state"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "code"), [("[fail 422]", "content_policy_violation"), ("[fail 500]", "runner_server_error")]
)
def test_a_failure_within_a_stream_is_an_event(caller: Caller, prompt: str, words: str, code: str) -> None:
    [(name, event)] = events_of(generate(caller, f"{prompt} {words}", stream=True))
    assert (name, event["error"]["code"]) == ("error", code)


def test_a_stream_ends_when_the_wait_does_and_the_job_goes_on(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(sync_wait_seconds="0.001")
    caller = gateway.caller()
    answer = generate(caller, f"{prompt} [queue 6]", stream=True)
    [(name, event)] = events_of(answer)
    assert (name, event["error"]["code"]) == ("error", "request_timeout")
    job_id = answer.headers["x-fal-request-id"]
    until(lambda: caller.get(f"/fal-ai/auto/requests/{job_id}").status_code == 200)
