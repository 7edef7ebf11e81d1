"""Any number of gateways and workers on one database: each job is sent once and followed by one at a time."""

import signal
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.database import Database
from tests.support.gateway import Gateway, make_keys
from tests.support.ports import free_port
from tests.support.processes import FLUXGATE, Child, running
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

# Nothing that a process has sent is still under way.
IS_QUIET = """
    NOT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
    )
"""
# And the worker has a job in hand.
IN_A_LOOK = f"SELECT is_leased AND {IS_QUIET} FROM work"
# And the newest job waits for the upstream's answer.
IN_A_SUBMIT = f"SELECT state = 'submitting' AND {IS_QUIET} FROM jobs ORDER BY id DESC LIMIT 1"
# For whoever is to lose its jobs; a submit that waits no longer is `unknown` where the machine stands still.
SHORT_LEASE = {"lease_seconds": "2", "upstream_timeout_seconds": "1.5"}


class Workers:
    """Starts `fluxgate worker` processes on the test's database."""

    def __init__(self, stack: ExitStack, directory: Path, settings: dict[str, str]) -> None:
        self._stack, self._directory, self._settings = stack, directory, settings

    def start(self) -> Child:
        directory = self._directory / f"worker-{len(list(self._directory.glob('worker-*')))}"
        directory.mkdir()
        child = self._stack.enter_context(running(directory, FLUXGATE, "worker", settings=self._settings))
        until(lambda: "Following jobs" in child.log())
        return child


@pytest.fixture
def workers(
    stores: Stores, database: Database, simulator: Simulator, on_exit: ExitStack, tmp_path: Path
) -> Workers:
    settings = {**settings_for(stores, database, simulator.address), **SHORT_LEASE}
    return Workers(on_exit, tmp_path, settings)


def test_two_gateways_and_two_workers_share_the_work(
    start_gateway: StartGateway, workers: Workers, simulator: Simulator, database: Database, prompt: str
) -> None:
    gateways = [start_gateway(), start_gateway("--no-worker")]
    for _ in range(2):
        workers.start()
    [key] = make_keys(database, 1)
    callers = [gateway.caller(key) for gateway in gateways]
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda i: callers[i % 2].job(f"{prompt} {i}"), range(80)))
        for i, job_id in enumerate(jobs):
            callers[(i + 1) % 2].wait(job_id)
    found = [callers[(i + 1) % 2].result(job_id).json()["prompt"] for i, job_id in enumerate(jobs)]
    assert found == [f"{prompt} {i}" for i in range(80)]
    sent = Counter(job["body"].get("prompt") for job in simulator.inside()["accepted"])
    assert all(sent[words] == 1 for words in found)
    ends = database.rows("SELECT job_id FROM job_events WHERE to_state = 'succeeded'")
    assert len(ends) == len({row["job_id"] for row in ends}) == 80


def test_several_processes_behind_one_address_serve_and_stop(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    port = free_port(2)
    gateway = start_gateway("--workers", "2", "--metrics-port", str(port))
    caller = gateway.caller()
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda i: caller.job(f"{prompt} {i}"), range(20)))
    for job_id in jobs:
        caller.wait(job_id)
        assert caller.result(job_id).status_code == 200
    assert all(len(simulator.accepted(f"{prompt} {i}")) == 1 for i in range(20))
    # Each tells its own numbers on a port of its own, and does there whatever it does on the shared one.
    own = [Gateway(gateway.process, f"http://127.0.0.1:{port + place}", gateway.database) for place in (0, 1)]
    until(lambda: sum(one.answered(200) for one in own) == 20)
    until(lambda: sum(one.answered(200, "result") for one in own) == 20)
    counted = [one.answered(200, "result") for one in own]
    httpx.get(
        f"{own[1].address}/fal-ai/flux-1/requests/{jobs[0]}",
        headers=caller.headers,
        trust_env=False,
        timeout=60,
    )
    until(lambda: [one.answered(200, "result") for one in own] == [counted[0], counted[1] + 1])
    assert gateway.process.stop() == 0


def test_a_worker_stops_in_order(workers: Workers) -> None:
    assert workers.start().stop() == 0


def test_a_worker_that_stalls_past_its_lease_writes_nothing_any_more(
    start_gateway: StartGateway, workers: Workers, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway("--no-worker")
    database = gateway.database
    stalled = workers.start()
    followed = f"{prompt} [slow 10] [status hang 1]"
    job_id = gateway.caller().job(followed)
    database.wait(job_id, "running")

    def is_stalled_in_a_look() -> bool:
        stalled.send(signal.SIGSTOP)
        if database.value(IN_A_LOOK):
            return True
        stalled.send(signal.SIGCONT)
        return False

    until(is_stalled_in_a_look)
    epoch = database.value("SELECT epoch FROM work")
    other = workers.start()
    until(lambda: database.value("SELECT epoch FROM work") > epoch)
    stalled.send(signal.SIGCONT)
    until(lambda: stalled.events("follow.fenced"))
    database.wait(job_id, "succeeded")
    assert database.history(job_id) == ["submitting", "queued", "running", "succeeded"]
    assert other.is_running
    assert len(simulator.accepted(followed)) == 1


def test_a_dead_workers_jobs_are_taken_over(
    start_gateway: StartGateway, workers: Workers, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway("--no-worker")
    dead = workers.start()
    followed = f"{prompt} [slow 6] [status hang 1]"
    job_id = gateway.caller().job(followed)
    until(lambda: simulator.only(followed)["counts"].get("status"))
    dead.kill()
    heir = workers.start()
    gateway.database.wait(job_id, "succeeded")
    told = until(lambda: [line for line in heir.events("job.moved") if line["state"] == "succeeded"])
    assert [line["job_id"] for line in told] == [job_id]


def test_a_gateway_that_stalls_in_a_submit_does_not_send_twice(
    start_gateway: StartGateway, workers: Workers, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway("--no-worker", **SHORT_LEASE)
    workers.start()
    caller = gateway.caller()
    asked: list[tuple[str, Future[httpx.Response]]] = []

    def is_stalled_in_a_submit() -> bool:
        """Whether it stands still with the upstream's answer still to come."""
        slow = f"{prompt} {len(asked)} [submit hang 1]"
        asked.append((slow, threads.submit(caller.submit, slow)))
        until(lambda: simulator.accepted(slow))
        gateway.process.send(signal.SIGSTOP)
        if gateway.database.value(IN_A_SUBMIT):
            return True
        gateway.process.send(signal.SIGCONT)
        asked[-1][1].result()
        return False

    with ThreadPoolExecutor() as threads:
        until(is_stalled_in_a_submit)
        until(lambda: gateway.database.value("SELECT state FROM jobs ORDER BY id DESC LIMIT 1") == "unknown")
        gateway.process.send(signal.SIGCONT)
        slow, submitting = asked[-1]
        answer = submitting.result()
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    assert len(simulator.accepted(slow)) == 1
