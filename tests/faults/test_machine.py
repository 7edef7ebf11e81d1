"""A machine that runs out of what programs need, and a stop that nobody waits for."""

import base64
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.checker import check_history, is_settled
from tests.support.database import fresh_database
from tests.support.faulty_upstream import answer, faulty, says
from tests.support.gateway import Gateway, serve
from tests.support.memory_limit import limited_memory
from tests.support.pictures import padded
from tests.support.receiver import receiving
from tests.support.simulator import Simulator, simulate
from tests.support.small_disk import NO_SMALL_DISK, filled, small_disk
from tests.support.stores import Stores, settings_for
from tests.support.unread import unread_receivers
from tests.support.uploading import IMAGE_TO_IMAGE
from tests.support.vault import images, made, until_all, wants
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with
from tests.support.wire import connect

# A gateway that is idle has about forty open.
FILES = 70
CLIENTS = 60
DISK_MEGABYTES = 2

LARGE_BYTES = 10_000_000
LARGE_RESULT = says(
    answer(
        b'{"seed": 1, "images": [{"url": "https://v3.fal.media/files/a.png", "width": 64,'
        b' "height": 64}], "padding": "%b"}' % (b"x" * LARGE_BYTES)
    )
)
RECEIVERS, TO_EACH = 3, 6
# Two large ones at once, each three times while it is read and signed; the rest is what memory is like.
ROOM_BYTES = 2 * LARGE_BYTES
DELIVERING_BYTES = 5 * ROOM_BYTES
# What nine bodies take while they are read is more than the process gets; what their room takes is less.
CROWD, BODY_BYTES = 9, 4_000_000
BODIES = {
    "image_body_limit_bytes": str(BODY_BYTES + 100_000),
    "upload_limit_bytes": str(BODY_BYTES + 100_000),
    "bodies_limit_bytes": str(3 * BODY_BYTES),
    "lease_seconds": "4",
    "upstream_timeout_seconds": "3",
}
MEMORY_BYTES = 100_000_000
PAUSE_SECONDS = 0.5
LARGE_PICTURE = "data:image/png;base64," + base64.b64encode(padded(BODY_BYTES * 3 // 4)).decode()
LARGE_UNDER_WAY = """
    SELECT count(*) FROM work w JOIN jobs j ON j.id = w.job_id
    WHERE w.kind = 'deliver' AND w.is_leased AND j.source_job_id IS NOT NULL
"""


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
    first = start_gateway(lease_seconds="7", upstream_timeout_seconds="6")
    caller = first.caller()
    words = [f"{prompt} {number} [slow 1]" for number in range(5)]
    jobs = [caller.job(each) for each in words]
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        first.process.send(number)
    second = start_gateway()
    for job_id in jobs:
        second.database.wait(job_id, "succeeded")
    assert [len(simulator.accepted(each)) for each in words] == [1] * 5


def test_large_results_whose_receivers_take_their_time(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    """Hypothesis: two of 18 are in memory at once, small ones pass them by, and each arrives at last."""
    upstream, slow = on_exit.enter_context(faulty()), on_exit.enter_context(unread_receivers(RECEIVERS))
    quick = on_exit.enter_context(receiving())
    gateway = start_gateway(
        upstream_url=upstream.address, webhook_results_limit_bytes=str(ROOM_BYTES), **ALLOWING
    )
    caller = gateway.caller()
    with upstream.failing_look("result", LARGE_RESULT):
        caller.wait(caller.job(prompt, seed=1))
    before = most = gateway.resident_bytes()
    # Each has the result of the first.
    addresses = [address for address in slow.addresses for _ in range(TO_EACH)]
    jobs = [job_with(caller, address, prompt, seed=1) for address in addresses]
    small = [job_with(caller, quick.address, f"{prompt} small {number}") for number in range(3)]
    under_way = 0

    def seen(received: int, expected: int) -> bool:
        nonlocal most, under_way
        most = max(most, gateway.resident_bytes())
        under_way = max(under_way, gateway.database.value(LARGE_UNDER_WAY))
        return received >= expected

    until(lambda: seen(len(quick.requests), len(small)))
    slow.may_read.set()
    until(lambda: seen(len({told for told, _ in slow.told}), len(jobs)), 180)
    assert {told for told, _ in slow.told} == {f"msg_{job_id}" for job_id in jobs}
    assert min(length for _, length in slow.told) > LARGE_BYTES
    assert most - before < DELIVERING_BYTES
    assert 0 < under_way <= 2


def test_more_large_requests_than_there_is_memory_for(
    start_gateway: StartGateway, on_exit: ExitStack, tmp_path: Path, prompt: str
) -> None:
    """Hypothesis: who finds no room is told to wait and is taken later; the system need not kill anybody.

    Where it does all the same, that is a crash like others.
    """
    (directory := tmp_path / "upstream").mkdir()
    upstream = on_exit.enter_context(simulate(directory))
    settings = {**BODIES, "upstream_url": upstream.address}
    gateway = start_gateway(**settings)
    crowd = [gateway.caller() for _ in range(CROWD)]
    told: dict[str, str] = {}
    statuses: Counter[int] = Counter()

    def ask(place: int) -> None:
        words = f"{prompt} large {place}"
        while (answer := _submit_large(crowd[place], words)).status_code != 200:
            statuses[answer.status_code] += 1
            assert int(answer.headers["retry-after"]) > 0
            time.sleep(PAUSE_SECONDS)
        told[answer.json()["request_id"]] = words

    with limited_memory(gateway.process.pid, MEMORY_BYTES), ThreadPoolExecutor(CROWD) as threads:
        before = gateway.peak_bytes()
        asked = [threads.submit(ask, place) for place in range(CROWD)]
        until(lambda: statuses[429] or any(each.done() for each in asked))
        told[gateway.caller().job(f"{prompt} small")] = f"{prompt} small"
        for each in asked:
            each.result()
        assert gateway.peak_bytes() - before < MEMORY_BYTES
    assert set(statuses) == {429}
    with ThreadPoolExecutor(CROWD) as threads:
        for place in range(CROWD):
            threads.submit(_submit_large, crowd[place], f"{prompt} killed {place}")
        until(lambda: gateway.database.count_jobs() > CROWD + 1)
        gateway.process.kill()
    start_gateway(**settings)
    until(lambda: is_settled(gateway.database))
    check_history(gateway.database, [upstream], told)


def _submit_large(caller: Caller, words: str) -> httpx.Response:
    return caller.submit(words, IMAGE_TO_IMAGE, image_url=LARGE_PICTURE)
