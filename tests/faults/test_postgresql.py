"""Without PostgreSQL nothing is sent, and what was sent is accounted for when it is back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.callers.key_material import new_key
from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.database import Database, beside, make_template
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.stores import OwnServers
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("own postgresql")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    servers = OwnServers(tmp_path_factory.mktemp("pg"), postgres=True, redis=False)
    make_template(servers.database_url, tmp_path_factory.mktemp("lock") / "template")
    yield servers
    servers.stop()


@pytest.fixture
def database(servers: OwnServers) -> Database:
    """The tests of this module follow each other on one database, since each stops the server."""
    return Database(beside(servers.database_url, "fluxgate_template"))


@pytest.fixture
def gateway(start_gateway: StartGateway) -> Gateway:
    return start_gateway(lease_seconds="2", upstream_timeout_seconds="1.5", unknown_patience_seconds="1")


@pytest.fixture
def caller(gateway: Gateway) -> Caller:
    return gateway.caller()


def test_a_submit_without_postgresql_is_503_and_nothing_is_sent(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    before = caller.job(f"{prompt} before")
    caller.wait(before)
    servers.stop()
    try:
        answer = caller.submit(prompt)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert simulator.accepted(prompt) == []
        assert gateway.get("/livez").status_code == 200
        assert gateway.get("/metrics").status_code == 200
        ready = gateway.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["postgres"]) == (503, "down")
    finally:
        servers.start()
    until(lambda: gateway.get("/readyz").status_code == 200)
    job_id = until(lambda: caller.submit(prompt).json().get("request_id"))
    caller.wait(job_id)
    assert len(simulator.accepted(prompt)) == 1


def test_a_malformed_key_is_refused_without_asking_postgresql(servers: OwnServers, gateway: Gateway) -> None:
    key = new_key()
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    path = "/fal-ai/flux-1/requests/x"
    servers.stop()
    try:
        for malformed in (mistyped, key[:-1], "fg_", "anything"):
            assert gateway.get(path, headers={"authorization": f"Key {malformed}"}).status_code == 401
        assert gateway.get(path, headers={"authorization": f"Key {key}"}).status_code == 503
    finally:
        servers.start()


def test_a_job_whose_answer_could_not_be_recorded_becomes_unknown_and_is_not_sent_again(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [submit hang 1]"
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(caller.submit, slow)
        until(lambda: simulator.accepted(slow))
        servers.stop()
        answer = asking.result()
    servers.start()
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    job_id = answer.json()["request_id"]
    gateway.database.wait(job_id, "lost", 40)
    assert gateway.database.history(job_id) == ["submitting", "unknown", "lost"]
    assert len(simulator.accepted(slow)) == 1


def test_jobs_are_followed_on_when_postgresql_is_back(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    jobs = [caller.job(f"{prompt} [slow 1]") for _ in range(5)]
    servers.stop()
    servers.start()
    for job_id in jobs:
        gateway.database.wait(job_id, "succeeded")
    assert len(simulator.accepted(f"{prompt} [slow 1]")) == 5
