"""SIGKILL in the middle of 50 jobs: whatever was answered reaches its end, and nothing is paid twice."""

import json
import re
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartSimulator
from tests.support.caller import Caller
from tests.support.gateway import find_address, is_ready
from tests.support.ports import free_port
from tests.support.processes import FLUXGATE, Child, run_fluxgate, running
from tests.support.simulator import Simulator
from tests.support.stores import UPSTREAM_KEY
from tests.support.waiting import PATIENCE_SECONDS, until

JOBS = 50
# So many come when there is no gateway any more, however late it is killed.
LATE = 4
# Some are answered at once, some are in the middle of their submit whenever the crash comes.
WORDS = ["[slow 0.2]", "[slow 2]", "[queue 2]", "[submit hang 0.3]", "[submit hang 1]", "[status hang 1]"]


@pytest.fixture
def upstream(start_simulator: StartSimulator) -> Simulator:
    return start_simulator()


def start(stack: ExitStack, directory: Path, upstream: Simulator, port: int) -> Child:
    """A gateway with embedded servers, as a user runs it, in front of an upstream that survives it."""
    settings = {
        "upstream_url": upstream.address,
        "upstream_key": UPSTREAM_KEY,
        "upstream_profile": "fal",
        "lease_seconds": "9",
        "upstream_timeout_seconds": "8",
        "unknown_patience_seconds": "2",
    }
    words = (FLUXGATE, "serve", "--demo", "--port", str(port))
    child = stack.enter_context(running(directory, *words, settings=settings, is_installed=True))
    until(lambda: is_ready(child, find_address(child), verify=True))
    return child


def nothing_is_open(directory: Path) -> bool:
    """Whether no job holds money or a slot any more; the counters agree with the ledger at any time."""
    checked = run_fluxgate(directory, "ledger", "check")
    assert checked.returncode == 0, checked.stdout
    teams = json.loads(run_fluxgate(directory, "teams", "list", "--json").stdout)["items"]
    return all(team["in_flight"] == 0 and team["reserved_usd"] == "0.000000" for team in teams)


def submit_many(
    caller: Caller, answered: dict[int, str], enough: threading.Event, gone: threading.Event
) -> None:
    """Sends 50 jobs side by side, the last of them to nobody; notes the id of each that was answered."""

    def submit(number: int) -> None:
        if number >= JOBS - LATE:
            gone.wait()
        try:
            answer = caller.submit(f"job {number} {WORDS[number % len(WORDS)]}")
        except httpx.TransportError:
            return
        assert answer.status_code == 200, answer.text
        answered[number] = answer.json()["request_id"]
        if len(answered) >= JOBS // 2:
            enough.set()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(submit, range(JOBS)))


def test_after_a_crash_every_answered_job_ends_and_none_was_sent_twice(
    upstream: Simulator, tmp_path: Path, on_exit: ExitStack
) -> None:
    port = free_port()
    gateway = start(on_exit, tmp_path, upstream, port)
    found = re.search(r"Caller key, shown this once: +(\S+)", gateway.log())
    assert found
    caller = on_exit.enter_context(Caller(f"http://127.0.0.1:{port}", found[1]))
    answered: dict[int, str] = {}
    enough, gone = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(submit_many, caller, answered, enough, gone)
        assert enough.wait(PATIENCE_SECONDS)
        gateway.kill()
        gone.set()
        sending.result()
    assert JOBS // 2 <= len(answered) < JOBS

    start(on_exit, tmp_path, upstream, port)
    for number, job_id in answered.items():
        caller.wait(job_id)
        assert caller.result(job_id).json()["prompt"].startswith(f"job {number} ")
    accepted = Counter(job["body"]["prompt"] for job in upstream.inside()["accepted"])
    assert set(accepted.values()) == {1}
    assert len(accepted) >= len(answered)
    until(lambda: nothing_is_open(tmp_path))


def test_a_job_that_was_being_sent_at_the_crash_is_accounted_for_and_not_sent_again(
    upstream: Simulator, tmp_path: Path, on_exit: ExitStack
) -> None:
    port = free_port()
    gateway = start(on_exit, tmp_path, upstream, port)
    found = re.search(r"Caller key, shown this once: +(\S+)", gateway.log())
    assert found
    caller = on_exit.enter_context(Caller(f"http://127.0.0.1:{port}", found[1]))
    with ThreadPoolExecutor(1) as threads:
        sending = threads.submit(caller.submit, "sent at the crash [submit hang 6]")
        until(lambda: upstream.accepted("sent at the crash [submit hang 6]"))
        gateway.kill()
        assert isinstance(sending.exception(), httpx.TransportError)

    again = start(on_exit, tmp_path, upstream, port)
    until(lambda: again.events("job.lost"))
    assert len(again.events("job.unknown")) == 1
    assert len(upstream.accepted("sent at the crash [submit hang 6]")) == 1
