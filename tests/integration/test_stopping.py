"""A stop is graceful: what was asked for is answered, what was begun is finished, and the exit code is 0."""

import json
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

import httpx

from app.operations.request_scope import CUT_OFF
from app.settings import Settings
from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import DEV
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.waiting import until

SILENT_SECONDS, PAUSE_SECONDS = 0.5, 0.1


def test_requests_under_way_are_answered_before_the_stop(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    slow = f"{prompt} [submit hang 3]"
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(caller.submit, slow)
        until(lambda: simulator.accepted(slow))
        gateway.process.send(signal.SIGTERM)
        answer = asking.result()
    assert answer.status_code == 200
    assert gateway.process.wait(40) == 0
    assert gateway.database.state(answer.json()["request_id"]) == "queued"


def test_a_stop_takes_less_than_25_seconds_whatever_the_upstream_does(
    start_simulator: StartSimulator, start_gateway: StartGateway, prompt: str
) -> None:
    """By itself it has 20 seconds for all that is under way; here fewer, so that there is time to look."""
    stop_seconds, upstream_seconds = (
        float(Settings.model_fields[name].default)
        for name in ("stop_timeout_seconds", "upstream_timeout_seconds")
    )
    assert upstream_seconds < stop_seconds <= 20
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream, stop_timeout_seconds="8", upstream_timeout_seconds="6")
    caller = gateway.caller()
    followed = f"{prompt} [status hang 60]"
    caller.job(followed)
    until(lambda: upstream.only(followed)["counts"].get("status"))
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(caller.submit, f"{prompt} [submit hang 60]")
        until(lambda: upstream.accepted(f"{prompt} [submit hang 60]"))
        gateway.process.send(signal.SIGTERM)
        assert gateway.process.wait(25) == 0
        assert asking.result().status_code == 200
    states = gateway.database.rows("SELECT state FROM jobs ORDER BY id")
    assert [row["state"] for row in states] == ["queued", "unknown"]


def test_what_is_not_done_when_the_time_is_over_is_told_so(start_gateway: StartGateway) -> None:
    """Of a submit whose body does not come: nobody is left with the server's own words."""
    gateway = start_gateway(client_body_timeout_seconds="60")
    url, credential = httpx.URL(gateway.address), gateway.caller().key
    head = (f"POST {DEV} HTTP/1.1", "host: x", f"authorization: Key {credential}", "expect: 100-continue")
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        connection.sendall(
            "\r\n".join((*head, "content-type: application/json", "content-length: 9", "", "")).encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        gateway.process.send(signal.SIGTERM)
        answer = HTTPResponse(connection)
        answer.begin()
        told = json.loads(answer.read())
    assert (answer.status, told["error_type"], told["detail"]) == (500, "internal_error", CUT_OFF)
    assert gateway.process.wait(25) == 0


def test_an_idle_gateway_stops_at_once_with_either_signal(start_gateway: StartGateway) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        gateway = start_gateway()
        gateway.process.send(number)
        assert gateway.process.wait(18) == 0


def test_jobs_go_on_after_a_stop(start_gateway: StartGateway, simulator: Simulator, prompt: str) -> None:
    first = start_gateway()
    jobs = [first.caller().job(f"{prompt} {number} [slow 1]") for number in range(5)]
    assert first.process.stop() == 0
    second = start_gateway()
    for job_id in jobs:
        second.database.wait(job_id, "succeeded")
    assert all(len(simulator.accepted(f"{prompt} {number} [slow 1]")) == 1 for number in range(5))


def test_what_is_asked_over_a_kept_connection_at_a_stop_is_answered(start_gateway: StartGateway) -> None:
    """Hypothesis: it is closed with an answer that says so, and not under the hands of who just asks.

    Whoever is silent for a second is not waited for; where we were ourselves, nothing was tried.
    """
    until(lambda: is_answered_at_a_stop(start_gateway()), 60)


def is_answered_at_a_stop(gateway: Gateway) -> bool:
    """Whether every request over one connection was answered, the last one with the word that it was."""
    kept = HTTPConnection("127.0.0.1", urlsplit(gateway.address).port)
    kept.connect()
    kept.auto_open = 0
    gateway.process.send(signal.SIGTERM)
    while True:
        began = time.monotonic()
        # So it is silent when the signal comes.
        time.sleep(PAUSE_SECONDS)
        try:
            kept.request("GET", "/livez")
            answer = kept.getresponse()
        except (OSError, HTTPException):
            assert time.monotonic() - began > SILENT_SECONDS, "it was closed in place of an answer"
            return False
        assert (answer.status, answer.read()) == (200, b'{"status":"alive"}')
        if answer.getheader("connection") == "close":
            assert gateway.process.wait() == 0
            return True
