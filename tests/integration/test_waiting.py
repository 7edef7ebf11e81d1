"""Callers who wait within their request: the queue with `Prefer: wait=N`, and fal's synchronous route."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import DEV, Caller
from tests.support.events import status_events
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.stores import OwnServers
from tests.support.waiting import until
from tests.support.wire import connect

RUN = f"/run{DEV}"


def prefer(caller: Caller, prompt: str, preference: str, **fields: object) -> httpx.Response:
    headers = {"prefer": preference}
    return caller.post(DEV, json={"prompt": prompt, **fields}, headers=headers, timeout=70)


def run(caller: Caller, prompt: str, path: str = RUN, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.post(path, json={"prompt": prompt}, headers=named, timeout=70)


def test_a_result_that_is_there_in_time_is_the_answer(caller: Caller, prompt: str) -> None:
    answer = prefer(caller, prompt, "wait=30")
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=30")
    job_id = answer.headers["x-fal-request-id"]
    assert answer.content == caller.result(job_id).content
    assert answer.json()["prompt"] == prompt


def test_one_that_is_not_is_the_answer_of_the_queue(caller: Caller, prompt: str) -> None:
    answer = prefer(caller, f"{prompt} [slow 60]", "wait=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    assert "preference-applied" not in answer.headers
    assert answer.json()["request_id"] == answer.headers["x-fal-request-id"]
    caller.cancel(answer.json()["request_id"])


@pytest.mark.parametrize(
    "preference", ["return=minimal, wait=30", 'wait="30"', "WAIT = 30", "wait=30; foo=1", "wait=999999999"]
)
def test_the_preference_may_be_written_in_many_ways(caller: Caller, prompt: str, preference: str) -> None:
    answer = prefer(caller, prompt, preference)
    assert answer.headers["preference-applied"] == f"wait={60 if '999' in preference else 30}"


@pytest.mark.parametrize("preference", ["wait", "wait=-1", "wait=soon", "respond-async", "await=30", ""])
def test_what_is_no_wait_is_passed_over(caller: Caller, prompt: str, preference: str) -> None:
    answer = prefer(caller, f"{prompt} [slow 5]", preference)
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    caller.cancel(answer.json()["request_id"])


def test_waiting_for_nothing_is_not_waiting(caller: Caller, prompt: str) -> None:
    answer = prefer(caller, f"{prompt} [slow 5]", "wait=0")
    assert answer.json()["status"] == "IN_QUEUE"
    caller.cancel(answer.json()["request_id"])


@pytest.mark.parametrize("way", ["prefer", "run"])
def test_a_failure_comes_with_its_own_status(caller: Caller, prompt: str, way: str) -> None:
    failing = f"{prompt} [fail 422]"
    answer = prefer(caller, failing, "wait=30") if way == "prefer" else run(caller, failing)
    job_id = answer.headers["x-fal-request-id"]
    assert (answer.status_code, answer.content) == (422, caller.result(job_id).content)
    assert isinstance(answer.json()["detail"], list)


def test_an_answer_that_was_there_before_needs_no_wait(caller: Caller, prompt: str) -> None:
    first = prefer(caller, prompt, "wait=30", seed=5)
    again = prefer(caller, prompt, "wait=30", seed=5)
    assert again.headers["x-fluxgate-cache"] == "HIT"
    assert (again.content, again.headers["preference-applied"]) == (first.content, "wait=30")


def test_a_repeat_under_its_key_waits_for_the_same_job(
    caller: Caller, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [slow 2]"
    headers = {"idempotency-key": prompt}
    first = caller.post(DEV, json={"prompt": slow}, headers=headers)
    again = caller.post(RUN, json={"prompt": slow}, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-fal-request-id"] == first.json()["request_id"]
    assert again.json()["prompt"] == slow
    simulator.only(slow)


def test_the_synchronous_route_answers_with_the_result(caller: Caller, prompt: str) -> None:
    answer = run(caller, prompt)
    assert (answer.status_code, answer.json()["prompt"]) == (200, prompt)
    assert answer.content == caller.result(answer.headers["x-fal-request-id"]).content


def test_its_stream_is_one_event(caller: Caller, prompt: str) -> None:
    answer = run(caller, prompt, f"{RUN}/stream", accept="text/event-stream")
    assert answer.headers["content-type"].startswith("text/event-stream")
    [event] = [line for line in answer.text.splitlines() if line]
    assert json.loads(event.removeprefix("data: "))["prompt"] == prompt
    assert run(caller, f"{prompt} [fail 500]", f"{RUN}/stream").status_code == 500


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (RUN, b"{", 400),
        (RUN, b"{}", 422),
        ("/run/fal-ai/nothing", b"{}", 403),
        ("/run/fal-ai/flux-1/requests", b"{}", 404),
        ("/run/stream", b"{}", 404),
        ("/run/", b"{}", 404),
    ],
)
def test_what_is_wrong_is_told_in_the_shape_of_fal(
    caller: Caller, path: str, body: bytes, status: int
) -> None:
    answer = caller.post(path, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, "detail" in answer.json()) == (status, True)
    assert answer.headers["x-fal-request-id"]


def test_only_a_post_runs(caller: Caller) -> None:
    answer = caller.get(RUN, params={"prompt": "ok"})
    assert (answer.status_code, answer.json()["error_type"]) == (405, "method_not_allowed")


def test_a_job_that_does_not_begin_in_its_time_is_stopped(
    caller: Caller, gateway: Gateway, prompt: str
) -> None:
    answer = run(caller, f"{prompt} [queue 60]", x_fal_request_timeout="1.5")
    assert (answer.status_code, answer.json()["error_type"]) == (504, "request_timeout")
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    gateway.database.wait(answer.headers["x-fal-request-id"], "cancelled")


def test_one_that_has_begun_may_take_longer(caller: Caller, prompt: str) -> None:
    assert run(caller, f"{prompt} [slow 9]", x_fal_request_timeout="6").status_code == 200


def test_a_wait_that_is_over_is_not_repeated_by_any_client(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(sync_wait_seconds="1")
    caller = gateway.caller()
    answer = run(caller, f"{prompt} [slow 7]")
    assert (answer.status_code, answer.json()["error_type"]) == (504, "request_timeout")
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    gateway.database.wait(answer.headers["x-fal-request-id"], "succeeded")


def test_a_job_that_may_have_been_paid_is_not_repeated_by_any_client(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    """fal's JavaScript client sends again what was answered with 502."""
    gateway = start_gateway(unknown_patience_seconds="1")
    lost = f"{prompt} [submit reset]"
    answer = run(gateway.caller(), lost)
    assert (answer.status_code, answer.json()["error_type"]) == (504, "submit_unknown")
    assert answer.headers["x-fal-request-timeout-type"] == "user"
    simulator.only(lost)


@pytest.mark.parametrize("head", [f"POST {RUN} HTTP/1.1\r\n", f"POST {DEV} HTTP/1.1\r\nprefer: wait=30\r\n"])
def test_a_caller_who_goes_away_leaves_the_job_as_it_is(
    gateway: Gateway, simulator: Simulator, prompt: str, head: str
) -> None:
    caller = gateway.caller()
    body = json.dumps({"prompt": f"{prompt} [slow 2]"})
    rest = f"host: x\r\nauthorization: Key {caller.key}\r\ncontent-type: application/json\r\n"
    with connect(gateway.address) as connection:
        connection.sendall(f"{head}{rest}content-length: {len(body)}\r\n\r\n{body}".encode())
        until(lambda: simulator.accepted(f"{prompt} [slow 2]"))
        connection.shutdown(socket.SHUT_RDWR)
    [job] = caller.get("/api/jobs").json()["items"]
    gateway.database.wait(job["id"], "succeeded")
    assert gateway.database.history(job["id"])[0] == "submitting"


def test_a_stop_lets_go_who_waits(start_gateway: StartGateway, simulator: Simulator, prompt: str) -> None:
    gateway = start_gateway(stop_timeout_seconds="60")
    caller = gateway.caller()
    slow = f"{prompt} [slow 60]"
    with ThreadPoolExecutor() as threads:
        asking: list[Any] = [
            threads.submit(prefer, caller, f"{slow} 1", "wait=60"),
            threads.submit(run, caller, f"{slow} 2"),
        ]
        until(lambda: simulator.accepted(f"{slow} 1") and simulator.accepted(f"{slow} 2"))
        gateway.process.send(signal.SIGTERM)
        assert gateway.process.wait(40) == 0
        queued, sync = (one.result() for one in asking)
    assert (queued.status_code, queued.json()["status"]) == (200, "IN_QUEUE")
    assert (sync.status_code, sync.json()["error_type"]) == (504, "request_timeout")


PUT_OFF = """
    UPDATE work SET due_at = now() + interval '1 hour', pull_from = now() WHERE NOT is_leased RETURNING 1
"""


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, head
        head += byte
    return head.lower()


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("path", [DEV, RUN])
def test_the_id_comes_before_the_wait_to_who_asks_for_it(
    caller: Caller, gateway: Gateway, prompt: str, path: str, version: str
) -> None:
    """A connection that is lost while it waits has told by then which job to ask for."""
    body = json.dumps({"prompt": f"{prompt} [slow {1 if version == '1.0' else 7}]"})
    lines = [f"POST {path} HTTP/{version}", "host: x", f"authorization: Key {caller.key}"]
    lines += ["content-type: application/json", f"content-length: {len(body)}", "prefer: wait=30, early-id"]
    with connect(gateway.address) as connection:
        connection.sendall(("\r\n".join(lines) + f"\r\n\r\n{body}").encode())
        first = read_head(connection)
        if version == "1.0":
            assert first.startswith(b"http/1.1 200")
            return
        assert first.startswith(b"http/1.1 103")
        [job] = caller.get("/api/jobs").json()["items"]
        assert f"x-fal-request-id: {job['id']}".encode() in first
        assert job["state"] in {"queued", "running"}
        answer = read_head(connection)
        assert answer.startswith(b"http/1.1 200")
        assert f"x-fal-request-id: {job['id']}".encode() in answer


@pytest.mark.parametrize("is_split", [False, True])
def test_a_client_that_offers_another_protocol_is_answered_in_this_one(
    caller: Caller, gateway: Gateway, prompt: str, *, is_split: bool
) -> None:
    """Java's own HttpClient offers HTTP/2 with every request to a plain address."""
    body = json.dumps({"prompt": prompt}).encode()
    lines = [f"POST {RUN} HTTP/1.1", "Connection: Upgrade, HTTP2-Settings", "Host: x", "Upgrade: h2c"]
    lines += ["HTTP2-Settings: AAEAAEAAAAIAAAAA", f"Authorization: Key {caller.key}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode()
    with connect(gateway.address) as connection:
        if is_split:
            connection.sendall(head)
            until(lambda: gateway.get("/livez").is_success)
            connection.sendall(body)
        else:
            connection.sendall(head + body)
        assert read_head(connection).startswith(b"http/1.1 200")


def test_nobody_else_gets_an_answer_before_the_answer(caller: Caller, gateway: Gateway, prompt: str) -> None:
    body = json.dumps({"prompt": prompt})
    head = f"POST {DEV} HTTP/1.1\r\nhost: x\r\nauthorization: Key {caller.key}\r\nprefer: wait=30\r\n"
    rest = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    with connect(gateway.address) as connection:
        connection.sendall((head + rest).encode())
        assert read_head(connection).startswith(b"http/1.1 200")


# The timer alone asks when somebody begins to wait, and then every ten seconds: with nothing else, who waits
# for a job of a second or three is woken so much later than this.
SOON_SECONDS = 6.0
SINCE_END = "SELECT extract(epoch FROM clock_timestamp() - completed_at)::float8 FROM jobs WHERE id = $1"


def woken_soon(gateway: Gateway, prompt: str) -> str:
    """A job whose caller is told of its end soon after that, whenever that was; the first to wait here."""
    answer = prefer(gateway.caller(), prompt, "wait=60")
    job_id = str(answer.headers["x-fal-request-id"])
    late_seconds = gateway.database.value(SINCE_END, UUID(job_id))
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=60")
    assert late_seconds < SOON_SECONDS
    return job_id


def test_who_waits_is_woken_by_the_process_itself(start_gateway: StartGateway, prompt: str) -> None:
    woken_soon(start_gateway(), f"{prompt} [slow 1]")


def test_who_waits_is_woken_by_another_process(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway("--no-worker")
    start_gateway()
    woken_soon(gateway, f"{prompt} [slow 1]")


def test_without_redis_the_timer_wakes_as_soon(start_gateway: StartGateway, prompt: str) -> None:
    nowhere = {"redis_url": "redis://127.0.0.1:1"}
    gateway = start_gateway("--no-worker", **nowhere)
    start_gateway(**nowhere)
    woken_soon(gateway, f"{prompt} [slow 1]")


def test_a_redis_that_freezes_while_somebody_waits_is_noticed(
    start_gateway: StartGateway, tmp_path_factory: pytest.TempPathFactory, prompt: str
) -> None:
    servers = OwnServers(tmp_path_factory.mktemp("redis"), postgres=False, redis=True)
    try:
        own = {"redis_url": servers.redis_url, "redis_timeout_seconds": "0.05"}
        gateway = start_gateway("--no-worker", **own)
        start_gateway(**own)
        # Two and a half seconds of silence are a sign, so that it is noticed before the job ends.
        with servers.frozen():
            woken_soon(gateway, f"{prompt} [slow 3]")
    finally:
        servers.stop()


@pytest.mark.parametrize("times", [1, 2])
def test_who_waits_for_a_job_that_had_to_be_sent_again_is_woken(
    start_gateway: StartGateway, prompt: str, times: int
) -> None:
    gateway = start_gateway()
    moves = gateway.database.history(woken_soon(gateway, f"{prompt} [submit 429 {times}]"))
    assert moves == ["submitting", "accepted"] * times + ["submitting", "queued", "succeeded"]


def test_a_late_job_is_looked_at_sooner_for_who_waits(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    gateway = start_gateway(upstream=start_simulator())
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} [slow 9]")
    caller.wait(job_id, "IN_PROGRESS")
    until(lambda: gateway.database.rows(PUT_OFF))
    with status_events(caller, job_id) as events:
        assert list(events)[-1]["status"] == "COMPLETED"


def test_a_cancelled_job_that_the_upstream_never_ends_ends_all_the_same(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    """fal's Python client polls for the end of a job it has cancelled, and its program never exits before."""
    upstream = start_simulator(profile="quickrouter")
    gateway = start_gateway(upstream=upstream, upstream_profile="quickrouter", cancel_patience_seconds="6")
    caller = gateway.caller()
    job_id = caller.job(f"{prompt} [slow 600]")
    assert (caller.cancel(job_id).status_code, caller.cancel(job_id).status_code) == (202, 202)
    caller.wait(job_id)
    assert caller.result(job_id).json()["error_type"] == "client_cancelled"
    [entry] = gateway.database.rows("SELECT spent_micros FROM ledger WHERE kind = 'charge'")
    assert entry["spent_micros"] == 19_661
