"""A machine that runs out of what programs need, and a stop that nobody waits for."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import StartGateway
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.simulator import Simulator
from tests.support.small_disk import NO_SMALL_DISK, filled, small_disk
from tests.support.stores import Stores, settings_for
from tests.support.vault import images, made, until_all, wants
from tests.support.waiting import until
from tests.support.wire import connect

# A gateway that is idle has about forty open.
FILES = 70
CLIENTS = 60
DISK_MEGABYTES = 2


@pytest.fixture
def small_vault(tmp_path: Path) -> Iterator[Path]:
    """Where a data directory's pictures go, on a disk of two megabytes."""
    vault = tmp_path / "data" / "vault"
    vault.mkdir(parents=True)
    with small_disk(vault, megabytes=DISK_MEGABYTES) as is_small:
        if not is_small:
            pytest.skip(NO_SMALL_DISK)
        yield vault


def test_the_vaults_disk_is_full(
    stores: Stores, simulator: Simulator, small_vault: Path, tmp_path: Path, prompt: str
) -> None:
    """Hypothesis: copying waits for room; jobs and results are as before, the process stays ready."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        settings["data_dir"] = str(small_vault.parent)
        with serve(tmp_path, database, settings=settings) as gateway:
            caller = gateway.caller()
            wants(database, caller)
            with filled(small_vault):
                job_id = made(caller, prompt)
                assert caller.result(job_id).json()["prompt"] == prompt
                until(lambda: gateway.get("/readyz").json()["parts"].get("vault") == "degraded")
                assert gateway.get("/readyz").status_code == 200
                assert [image["state"] for image in images(caller, job_id)] == ["pending"]
            # The next try is a while off; nobody waits for that here.
            database.rows("UPDATE work SET due_at = now() WHERE kind = 'archive'")
            assert until_all(caller, job_id, "kept")


def test_no_file_can_be_opened_any_more(
    stores: Stores, simulator: Simulator, tmp_path: Path, prompt: str
) -> None:
    """Hypothesis: who cannot be let in waits or is turned away, who is in is served; over by itself."""
    under = ("prlimit", f"--nofile={FILES}:{FILES}")
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        with serve(tmp_path, database, settings=settings, under=under) as gateway, ExitStack() as stack:
            caller = gateway.caller()
            answered = [caller.job(f"{prompt} before")]
            crowd = [stack.enter_context(connect(gateway.address)) for _ in range(CLIENTS)]
            until(lambda: _open_files(gateway) >= FILES)
            # Its connection was there before the crowd.
            answer = caller.submit(f"{prompt} within")
            assert answer.status_code in (200, 503)
            if answer.status_code == 200:
                answered.append(answer.json()["request_id"])
            _let_go(crowd)
            caller = gateway.caller(caller.key)
            answered.append(until(lambda: caller.submit(f"{prompt} after").json().get("request_id")))
            for job_id in answered:
                caller.wait(job_id)
            assert len(simulator.accepted(f"{prompt} after")) == 1
            assert not gateway.process.events("background.died")


def _open_files(gateway: Gateway) -> int:
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))  # noqa: PTH208 # a count of names


def _let_go(crowd: list[socket.socket]) -> None:
    for each in crowd:
        each.close()


def test_ended_while_it_stops(start_gateway: StartGateway, simulator: Simulator, prompt: str) -> None:
    """Hypothesis: a stop that somebody hurries, and then does not wait for, is a crash like others."""
    first = start_gateway(lease_seconds="2", upstream_timeout_seconds="1.5")
    caller = first.caller()
    words = [f"{prompt} {number} [slow 1]" for number in range(5)]
    jobs = [caller.job(each) for each in words]
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        first.process.send(number)
    second = start_gateway()
    for job_id in jobs:
        second.database.wait(job_id, "succeeded")
    assert [len(simulator.accepted(each)) for each in words] == [1] * 5
