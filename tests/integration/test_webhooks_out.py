"""Webhooks that callers name: told once the job has ended, signed, and again until somebody says 2xx."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.receiver import Receiver, receiving
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, is_signed, job_with, published_keys, told


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def allowing(start_gateway: StartGateway) -> Gateway:
    return start_gateway(**ALLOWING)


@pytest.fixture
def sender(allowing: Gateway) -> Caller:
    return allowing.caller()


def delivery_of(gateway: Gateway, job_id: str) -> dict[str, object]:
    rows = gateway.database.rows("SELECT * FROM deliveries WHERE job_id = $1", UUID(job_id))
    return rows[0] if rows else {"state": None}


def wait_delivered(gateway: Gateway, job_id: str, state: str = "delivered") -> None:
    until(lambda: delivery_of(gateway, job_id)["state"] == state)


def test_the_end_of_a_job_is_told_once_and_signed_in_both_ways(
    allowing: Gateway, sender: Caller, receiver: Receiver, prompt: str
) -> None:
    job_id = job_with(sender, f"{receiver.address}/hook?secret=s%20x", prompt)
    wait_delivered(allowing, job_id)
    [received] = receiver.requests
    assert (received.method, received.path) == ("POST", "/hook?secret=s%20x")
    assert is_signed(received, published_keys(allowing.address))
    body = told(received)
    assert body == {
        "request_id": job_id,
        "gateway_request_id": job_id,
        "status": "OK",
        "payload": sender.result(job_id).json(),
    }
    headers = received.headers
    assert headers["x-fal-webhook-request-id"] == job_id
    assert headers["webhook-id"] == f"msg_{job_id}"
    assert headers["content-type"] == "application/json"
    assert headers["x-fal-webhook-timestamp"] == headers["webhook-timestamp"]
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    assert allowing.database.value("SELECT count(*) FROM work") == 0
