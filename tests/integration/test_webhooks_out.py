"""Webhooks that callers name: told once the job has ended, signed, and again until somebody says 2xx."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.ports import free_port
from tests.support.receiver import Received, Receiver, receiving
from tests.support.scripted_upstream import scripted
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, is_signed, job_with, published_keys, submit_with, told

SECRET = "s3cret-of-the-caller"


@pytest.fixture(scope="module")
def allowing(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that may send webhooks to 127.0.0.1, and tells all it does."""
    with fresh_database(stores.database_url) as database:
        settings = {**settings_for(stores, database, simulator.address), **ALLOWING, "log_level": "debug"}
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield gateway


@pytest.fixture
def sender(allowing: Gateway) -> Iterator[Caller]:
    with allowing.caller() as caller:
        yield caller


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def delivery(caller: Caller, job_id: str) -> dict[str, Any]:
    """How the webhook of a job stands, as its team is told."""
    found = caller.get(f"/api/jobs/{job_id}").json()["deliveries"]
    return found[0] if found else {"state": None, "attempts": []}


def wait_for(caller: Caller, job_id: str, state: str, tries: int = 1) -> dict[str, Any]:
    """The webhook once it stands there, after so many tries; the next one comes by itself after a while."""

    def reached() -> dict[str, Any] | None:
        found = delivery(caller, job_id)
        return found if found["state"] == state and len(found["attempts"]) >= tries else None

    found = until(reached)
    assert found is not None
    return found


def hurry(gateway: Gateway, job_id: str) -> None:
    """Has the next try come now, unless the last one has been made meanwhile."""
    statement = (
        "UPDATE work SET due_at = now() WHERE kind = 'deliver' AND job_id = $1 AND NOT is_leased RETURNING 1"
    )
    pending = "SELECT 1 FROM deliveries WHERE state = 'pending' AND job_id = $1"
    until(
        lambda: (
            gateway.database.rows(statement, UUID(job_id)) or not gateway.database.rows(pending, UUID(job_id))
        )
    )


def seconds_to_try(gateway: Gateway, job_id: str) -> float:
    """In how many seconds the next try comes."""
    statement = "SELECT extract(epoch FROM due_at - now()) FROM work WHERE kind = 'deliver' AND job_id = $1"
    return float(gateway.database.value(statement, UUID(job_id)))


def ids(received: list[Received]) -> set[str]:
    return {one.headers["webhook-id"] for one in received}


def test_the_end_of_a_job_is_told_once_and_signed_in_both_ways(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    job_id = job_with(sender, f"{receiver.address}/hook?key={SECRET}&x=s%20x", prompt)
    shown = wait_for(sender, job_id, "delivered")
    [received] = receiver.requests
    assert (received.method, received.path) == ("POST", f"/hook?key={SECRET}&x=s%20x")
    assert is_signed(received, published_keys(allowing.address))
    assert told(received) == {
        "request_id": job_id,
        "gateway_request_id": job_id,
        "status": "OK",
        "payload": sender.result(job_id).json(),
    }
    headers = received.headers
    assert headers["x-fal-webhook-request-id"] == job_id
    assert headers["webhook-id"] == f"msg_{job_id}" == shown["id"]
    assert headers["content-type"] == "application/json"
    assert headers["x-fal-webhook-timestamp"] == headers["webhook-timestamp"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    [attempt] = shown["attempts"]
    assert (attempt["status_code"], attempt["error"]) == (200, None)
    assert (shown["last_status"], shown["last_error"], shown["next_attempt_at"]) == (200, None, None)
    assert shown["delivered_at"] >= attempt["at"] >= shown["created_at"]
    assert allowing.database.rows("SELECT 1 FROM work WHERE job_id = $1", UUID(job_id)) == []


def test_an_altered_webhook_does_not_pass_for_ours(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    job_id = job_with(sender, receiver.address, prompt)
    wait_for(sender, job_id, "delivered")
    [received] = receiver.requests
    keys = published_keys(allowing.address)
    forged = Received(received.method, received.path, received.headers, received.body + b" ")
    assert not is_signed(forged, keys)
    later = {**received.headers, "x-fal-webhook-timestamp": "1", "webhook-timestamp": "1"}
    assert not is_signed(Received(received.method, received.path, later, received.body), keys)


def test_a_receiver_that_fails_is_asked_again_with_the_same_id(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500, 404]
    job_id = job_with(sender, receiver.address, prompt)
    shown = wait_for(sender, job_id, "pending")
    assert shown["next_attempt_at"] > shown["attempts"][-1]["at"]
    hurry(allowing, job_id)
    until(lambda: len(delivery(sender, job_id)["attempts"]) >= 2)
    hurry(allowing, job_id)
    shown = wait_for(sender, job_id, "delivered", 3)
    assert [attempt["status_code"] for attempt in shown["attempts"]] == [500, 404, 200]
    assert ids(receiver.requests) == {f"msg_{job_id}"}
    assert {one.body for one in receiver.requests} == {receiver.requests[0].body}
    assert all(is_signed(one, published_keys(allowing.address)) for one in receiver.requests)


def test_the_second_try_comes_by_itself_after_five_seconds(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [503]
    job_id = job_with(sender, receiver.address, prompt)
    first, second = wait_for(sender, job_id, "delivered", 2)["attempts"]
    assert (first["status_code"], second["status_code"]) == (503, 200)


def test_a_redirect_is_a_failure_and_leads_nowhere(sender: Caller, receiver: Receiver, prompt: str) -> None:
    receiver.statuses = [302] * 9
    job_id = job_with(sender, f"{receiver.address}/hook", prompt)
    shown = wait_for(sender, job_id, "pending")
    assert (shown["last_status"], shown["last_error"]) == (302, None)
    assert {received.path for received in receiver.requests} == {"/hook"}


def test_a_receiver_that_was_down_is_told_when_it_is_up(
    allowing: Gateway, sender: Caller, prompt: str
) -> None:
    port = free_port()
    job_id = job_with(sender, f"http://127.0.0.1:{port}/", prompt)
    shown = wait_for(sender, job_id, "pending")
    assert (shown["last_status"], shown["last_error"]) == (None, "the receiver could not be reached")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            hurry(allowing, job_id)
            wait_for(sender, job_id, "delivered", 2)
        finally:
            server.shutdown()
            thread.join()


def test_a_receiver_that_asks_for_time_gets_it(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses, receiver.headers = [429], {"Retry-After": "90"}
    job_id = job_with(sender, receiver.address, prompt)
    wait_for(sender, job_id, "pending")
    assert 80 < seconds_to_try(allowing, job_id) <= 99
    hurry(allowing, job_id)
    wait_for(sender, job_id, "delivered", 2)


def test_a_receiver_that_is_gone_is_asked_no_more_but_on_request(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [410]
    job_id = job_with(sender, receiver.address, prompt)
    shown = wait_for(sender, job_id, "failed")
    assert (shown["last_status"], shown["next_attempt_at"]) == (410, None)
    sender.post(f"/api/deliveries/{job_id}/repeat").raise_for_status()
    wait_for(sender, job_id, "delivered", 2)
    assert ids(receiver.requests) == {f"msg_{job_id}"}


def test_a_silent_receiver_is_left_in_time(start_gateway: StartGateway, prompt: str) -> None:
    caller = start_gateway(**ALLOWING, webhook_timeout_seconds="3").caller()
    with scripted(b"", b"") as silent:
        silent.answer(b"", pause_seconds=60)
        job_id = job_with(caller, silent.address, prompt)
        shown = wait_for(caller, job_id, "pending")
    assert shown["last_error"] == "the receiver did not answer in time"
    assert 3000 <= shown["attempts"][0]["milliseconds"] < 50_000


@pytest.mark.parametrize(
    ("trouble", "error"),
    [("[fail 422]", "Invalid status code: 422"), ("[fail 500]", "Invalid status code: 500")],
)
def test_a_failed_job_is_told_with_the_model_s_own_words(
    sender: Caller, receiver: Receiver, prompt: str, trouble: str, error: str
) -> None:
    job_id = job_with(sender, receiver.address, f"{prompt} {trouble}")
    wait_for(sender, job_id, "delivered")
    body = told(receiver.requests[0])
    assert (body["status"], body["error"]) == ("ERROR", error)
    assert body["payload"] == sender.result(job_id).json()


def test_a_job_that_was_refused_at_its_submit_is_told_as_well(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    answer = submit_with(sender, receiver.address, f"{prompt} [submit 422]")
    assert answer.status_code == 422
    [received] = until(lambda: receiver.requests)
    assert told(received)["payload"] == answer.json()
    assert is_signed(received, published_keys(allowing.address))


def test_a_cancelled_job_is_told_as_its_result_would_be(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    job_id = job_with(sender, receiver.address, f"{prompt} [queue 30]")
    assert sender.cancel(job_id).status_code == 200
    wait_for(sender, job_id, "delivered")
    body = told(receiver.requests[0])
    assert (body["status"], body["error"]) == ("ERROR", "Invalid status code: 499")
    assert body["payload"] == sender.result(job_id).json()


def test_jobs_that_share_an_answer_are_told_each_for_itself(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    first = job_with(sender, f"{receiver.address}/first", f"{prompt} [slow 1]", seed=7)
    joined = job_with(sender, f"{receiver.address}/joined", f"{prompt} [slow 1]", seed=7)
    wait_for(sender, first, "delivered")
    wait_for(sender, joined, "delivered")
    hit = submit_with(sender, f"{receiver.address}/hit", f"{prompt} [slow 1]", seed=7)
    assert hit.headers["x-fluxgate-cache"] == "HIT"
    wait_for(sender, hit.headers["x-fal-request-id"], "delivered")
    by_path = {received.path: told(received) for received in receiver.requests}
    assert by_path["/first"]["request_id"] == first
    assert by_path["/joined"]["request_id"] == joined
    assert by_path["/hit"]["request_id"] == hit.headers["x-fal-request-id"]
    assert by_path["/first"]["payload"] == by_path["/joined"]["payload"] == by_path["/hit"]["payload"]


def test_a_webhook_is_given_up_after_the_last_try_and_can_be_repeated(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500] * 9
    job_id = job_with(sender, receiver.address, prompt)
    wait_for(sender, job_id, "pending")
    allowing.database.rows(
        "UPDATE work SET attempts = 10 WHERE kind = 'deliver' AND job_id = $1", UUID(job_id)
    )
    hurry(allowing, job_id)
    shown = wait_for(sender, job_id, "failed", 2)
    assert shown["next_attempt_at"] is None
    [listed] = sender.get("/api/deliveries", params={"state": "failed"}).json()["items"]
    assert listed == {**shown, "attempts": len(shown["attempts"])}

    receiver.statuses.clear()
    repeated = sender.post(f"/api/deliveries/{job_id}/repeat")
    assert (repeated.status_code, repeated.json()["state"]) == (200, "pending")
    wait_for(sender, job_id, "delivered", 3)
    assert ids(receiver.requests) == {f"msg_{job_id}"}


def test_a_delivered_webhook_can_be_repeated_under_the_same_id(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    job_id = job_with(sender, receiver.address, prompt)
    wait_for(sender, job_id, "delivered")
    assert sender.post(f"/api/deliveries/{job_id}/repeat").status_code == 200
    wait_for(sender, job_id, "delivered", 2)
    first, second = receiver.requests
    assert first.body == second.body
    assert ids(receiver.requests) == {f"msg_{job_id}"}


def test_a_waiting_webhook_is_pulled_nearer_by_a_repeat(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500, 500]
    job_id = job_with(sender, receiver.address, prompt)
    for tries in (1, 2):
        until(lambda: len(delivery(sender, job_id)["attempts"]) >= tries)  # noqa: B023 # called at once
        assert sender.post(f"/api/deliveries/{job_id}/repeat").status_code == 200
    attempts = wait_for(sender, job_id, "delivered", 3)["attempts"]
    second, third = (datetime.fromisoformat(attempt["at"]) for attempt in attempts[1:3])
    # By itself it would come after half a minute.
    assert (third - second).total_seconds() < 28


def test_a_team_lists_its_webhooks_page_by_page_and_no_other_s(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    jobs = [job_with(sender, receiver.address, f"{prompt} {number}") for number in range(3)]
    for job_id in jobs:
        wait_for(sender, job_id, "delivered")
    first = sender.get("/api/deliveries", params={"limit": 2}).json()
    assert [item["job_id"] for item in first["items"]] == [jobs[2], jobs[1]]
    second = sender.get("/api/deliveries", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert ([item["job_id"] for item in second["items"]], second["next_cursor"]) == ([jobs[0]], None)
    assert sender.get("/api/deliveries", params={"state": "pending"}).json()["items"] == []
    assert first["items"][0]["url"] == f"{receiver.address}/"

    with allowing.caller() as stranger:
        assert stranger.get("/api/deliveries").json() == {"items": [], "next_cursor": None}
        answer = stranger.get("/api/deliveries", params={"cursor": first["next_cursor"]})
        assert (answer.status_code, answer.json()["error_type"]) == (400, "invalid_cursor")
        foreign = stranger.post(f"/api/deliveries/{jobs[0]}/repeat")
        nothing = stranger.post(f"/api/deliveries/{uuid4()}/repeat")
        assert (foreign.status_code, foreign.content) == (404, nothing.content)
    assert len(receiver.requests) == 3


@pytest.mark.parametrize("job_id", ["x", "00000000-0000-0000-0000-00000000000g", "%00"])
def test_there_is_nothing_to_repeat_under_other_ids(sender: Caller, job_id: str) -> None:
    assert sender.post(f"/api/deliveries/{job_id}/repeat").status_code in (400, 404)


@pytest.mark.parametrize(
    "query",
    ["state=lost", "state=pending&state=failed", "limit=0", "limit=101", "limit=x", "team=x", "cursor=x"],
)
def test_a_wrong_question_is_refused(sender: Caller, query: str) -> None:
    assert sender.get(f"/api/deliveries?{query}").status_code in (400, 422)


def test_a_job_without_a_webhook_or_without_an_end_has_nothing_to_repeat(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    plain = sender.job(prompt)
    sender.wait(plain)
    open_job = job_with(sender, receiver.address, f"{prompt} [slow 20]")
    for job_id in (plain, open_job):
        assert delivery(sender, job_id)["state"] is None
        assert sender.post(f"/api/deliveries/{job_id}/repeat").status_code == 404
    sender.cancel(open_job)


def test_a_browser_token_sends_this_gateway_nowhere(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    token = sender.post("/api/tokens", json={"ttl_seconds": 60}).json()["token"]
    with allowing.caller(token) as page:
        answer = submit_with(page, receiver.address, prompt)
        assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")
        assert page.get("/api/deliveries").status_code == 403
        assert page.post(f"/api/deliveries/{uuid4()}/repeat").status_code == 403
    for method, path in (("GET", "/api/deliveries"), ("POST", f"/api/deliveries/{uuid4()}/repeat")):
        assert (
            httpx.request(method, f"{allowing.address}{path}", trust_env=False, timeout=60).status_code == 401
        )


def test_two_webhooks_are_one_too_many(sender: Caller, receiver: Receiver, prompt: str) -> None:
    urls = [receiver.address, f"{receiver.address}/other"]
    answer = sender.post("/fal-ai/flux-1/dev", params={"fal_webhook": urls}, json={"prompt": prompt})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "webhook_url_blocked")


def test_a_repeat_under_the_same_key_names_the_same_webhook(
    sender: Caller, receiver: Receiver, prompt: str
) -> None:
    def submit(url: str) -> httpx.Response:
        return sender.post(
            "/fal-ai/flux-1/dev",
            params={"fal_webhook": url},
            json={"prompt": prompt},
            headers={"idempotency-key": prompt},
        )

    first = submit(receiver.address)
    again = submit(receiver.address)
    other = submit(f"{receiver.address}/other")
    assert again.json()["request_id"] == first.json()["request_id"]
    assert (other.status_code, other.json()["error_type"]) == (422, "idempotency_mismatch")
    wait_for(sender, first.json()["request_id"], "delivered")
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::ffff:127.0.0.1]", "[::1]"],
)
def test_other_names_of_an_allowed_address_are_refused(
    sender: Caller, receiver: Receiver, prompt: str, host: str
) -> None:
    answer = submit_with(sender, receiver.address.replace("127.0.0.1", host), prompt)
    [problem] = answer.json()["detail"]
    assert (answer.status_code, problem["type"]) == (422, "webhook_url_blocked")
    assert problem["loc"] == ["query", "fal_webhook"]
    assert receiver.requests == []


def test_a_job_that_was_refused_for_its_webhook_is_not_recorded(sender: Caller, prompt: str) -> None:
    assert submit_with(sender, "http://169.254.169.254/latest/meta-data/", prompt).status_code == 422
    assert [job for job in sender.get("/api/jobs").json()["items"] if job["prompt"] == prompt] == []


def test_a_name_that_nobody_knows_is_taken_and_tried(sender: Caller, prompt: str) -> None:
    job_id = job_with(sender, "https://nobody.invalid/hook", prompt)
    shown = wait_for(sender, job_id, "pending")
    assert (shown["last_status"], shown["last_error"]) == (None, "the receiver could not be reached")


def test_an_address_that_is_not_taken_any_more_is_tried_and_given_up_like_any_other(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500] * 9
    job_id = job_with(sender, receiver.address, prompt)
    wait_for(sender, job_id, "pending")
    allowing.database.rows("UPDATE deliveries SET url = 'ftp://x/' WHERE job_id = $1", UUID(job_id))
    hurry(allowing, job_id)
    until(lambda: delivery(sender, job_id)["last_error"] == "the receiver could not be reached")
    assert delivery(sender, job_id)["last_status"] is None


def test_the_keys_are_for_everybody_and_may_be_kept(allowing: Gateway) -> None:
    answer = allowing.get("/.well-known/jwks.json")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    [key] = answer.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
    assert set(key) == {"kty", "crv", "alg", "use", "x", "kid"}


def test_deliveries_are_counted_and_addresses_are_not_told(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    receiver.statuses = [500]
    job_id = job_with(sender, f"{receiver.address}/{SECRET}?key={SECRET}", prompt)
    wait_for(sender, job_id, "pending")
    hurry(allowing, job_id)
    wait_for(sender, job_id, "delivered", 2)
    for outcome in ("delivered", "retried"):
        assert allowing.metric(f'fluxgate_webhook_seconds_count{{outcome="{outcome}"}}') >= 1
    assert allowing.metric('fluxgate_work_lag_seconds_count{kind="deliver"}') >= 2
    told_of = [line for line in allowing.process.events("webhook.tried") if line["job_id"] == job_id]
    assert [line["status"] for line in told_of] == [500, 200]
    assert told_of[0]["host"] == receiver.address.removeprefix("http://")
    assert SECRET not in allowing.process.log()
    assert SECRET not in allowing.get("/metrics").text


def test_slow_receivers_hold_up_their_own_webhooks_alone(
    start_gateway: StartGateway, receiver: Receiver, prompt: str
) -> None:
    bounds = {"webhook_timeout_seconds": "600", "webhook_slots": "4", "webhook_slots_per_host": "2"}
    gateway = start_gateway(**ALLOWING, **bounds)
    caller = gateway.caller()
    with scripted() as slow:
        slow.answer(b"", pause_seconds=600)
        held = [job_with(caller, slow.address, f"{prompt} {number}") for number in range(5)]
        until(lambda: len(slow.requests) == 2)
        for number in range(10):
            wait_for(caller, job_with(caller, receiver.address, f"{prompt} fast {number}"), "delivered")
        assert len(slow.requests) == 2
        assert all(delivery(caller, job_id)["attempts"] == [] for job_id in held)
        gateway.process.kill()


def test_a_stop_does_not_wait_for_a_receiver_longer_than_it_may(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway(**ALLOWING, webhook_timeout_seconds="60", stop_timeout_seconds="2")
    with scripted() as slow:
        slow.answer(b"", pause_seconds=60)
        job_id = job_with(gateway.caller(), slow.address, prompt)
        until(lambda: slow.requests)
        assert gateway.process.stop() == 0
    [row] = gateway.database.rows("SELECT kind, is_leased FROM work WHERE job_id = $1", UUID(job_id))
    assert (row["kind"], row["is_leased"]) == ("deliver", True)


def test_after_a_crash_in_a_delivery_the_same_webhook_comes_again(
    start_gateway: StartGateway, prompt: str
) -> None:
    settings = {**ALLOWING, "webhook_timeout_seconds": "4"}
    port = free_port()
    first = start_gateway(**settings)
    [key] = make_keys(first.database, 1)
    with socket.create_server(("127.0.0.1", port)) as hanging:
        job_id = job_with(first.caller(key), f"http://127.0.0.1:{port}/", prompt)
        hanging.settimeout(60)
        connection, _ = hanging.accept()
        sent = connection.recv(65_536).decode("latin-1").lower()
        first.process.kill()
        connection.close()
    assert f"webhook-id: msg_{job_id}" in sent

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            again.append(self.headers["webhook-id"])
            self.send_response(200)
            self.end_headers()

    again: list[str] = []
    with HTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        second = start_gateway(**settings)
        try:
            wait_for(second.caller(key), job_id, "delivered")
        finally:
            server.shutdown()
            thread.join()
    assert set(again) == {f"msg_{job_id}"}


def test_keys_of_the_settings_sign_in_their_order(
    start_gateway: StartGateway, receiver: Receiver, prompt: str
) -> None:
    seeds = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    gateway = start_gateway(**ALLOWING, webhook_signing_keys=seeds)
    caller = gateway.caller()
    wait_for(caller, job_with(caller, receiver.address, prompt), "delivered")
    signing, spare = published_keys(gateway.address)
    assert is_signed(receiver.requests[0], [signing])
    assert not is_signed(receiver.requests[0], [spare])


def test_without_a_worker_here_another_process_delivers(
    start_gateway: StartGateway, receiver: Receiver, prompt: str
) -> None:
    gateway = start_gateway("--no-worker", **ALLOWING)
    caller = gateway.caller()
    job_id = job_with(caller, receiver.address, prompt)
    worker = start_gateway(**ALLOWING)
    wait_for(caller, job_id, "delivered")
    assert is_signed(receiver.requests[0], published_keys(gateway.address))
    assert worker.process.stop() == 0
