"""Redis is speed, never truth: gone, frozen or full, every answer is the same."""

from collections.abc import Iterator

import pytest

from tests.conftest import StartGateway
from tests.support.gateway import Gateway
from tests.support.stores import OwnServers
from tests.support.waiting import until


@pytest.fixture
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    servers = OwnServers(tmp_path_factory.mktemp("redis"), postgres=False, redis=True)
    yield servers
    servers.stop()


def check_everything_answers(gateway: Gateway, prompt: str) -> None:
    caller = gateway.caller()
    caller.timeout = 10
    job_id = caller.job(prompt)
    caller.wait(job_id)
    assert caller.result(job_id).json()["prompt"] == prompt
    stopped = caller.job(f"{prompt} [queue 60]")
    assert caller.cancel(stopped).status_code == 200
    assert caller.result(stopped).status_code == 499


def test_without_redis_everything_answers_and_it_is_told(
    start_gateway: StartGateway, servers: OwnServers, prompt: str
) -> None:
    gateway = start_gateway(redis_url=servers.redis_url)
    before = gateway.caller()
    job_id = before.job(f"{prompt} before")
    before.wait(job_id)
    servers.stop()
    check_everything_answers(gateway, prompt)
    assert before.result(job_id).status_code == 200
    ready = until(lambda: gateway.get("/readyz"))
    assert (ready.status_code, ready.json()["parts"]["redis"]) == (200, "degraded")
    servers.start()
    until(lambda: gateway.get("/readyz").json()["parts"]["redis"] == "ok")


def test_a_frozen_redis_holds_nobody_up(
    start_gateway: StartGateway, servers: OwnServers, prompt: str
) -> None:
    gateway = start_gateway(redis_url=servers.redis_url)
    with servers.frozen():
        check_everything_answers(gateway, prompt)


def test_results_are_there_for_a_gateway_that_never_saw_them(
    start_gateway: StartGateway, servers: OwnServers, prompt: str
) -> None:
    first = start_gateway(redis_url=servers.redis_url)
    caller = first.caller()
    job_id = caller.job(prompt)
    caller.wait(job_id)
    servers.stop()
    second = start_gateway(redis_url=servers.redis_url)
    with second.caller(caller.key) as again:
        assert again.result(job_id).content == caller.result(job_id).content
