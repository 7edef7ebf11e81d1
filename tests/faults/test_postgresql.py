"""PostgreSQL away, dead, silent, full or unwilling: nothing is sent without a record, and none is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import httpx
import pytest

from app.callers.key_material import new_key
from tests.support.caller import DEV, Caller
from tests.support.checker import check_history, is_settled
from tests.support.database import BLOCKED, Database, beside, make_template, under_way
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.load import Told, asking
from tests.support.simulator import Simulator
from tests.support.small_disk import NO_SMALL_DISK, filled, small_disk
from tests.support.stores import OwnServers, Stores, settings_for
from tests.support.unwilling_postgres import (
    COMMITTING,
    as_superuser,
    changed,
    commits_held,
    no_connection_left,
    recording_held,
)
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("own postgresql")

SETTINGS = {
    "lease_seconds": "7",
    "upstream_timeout_seconds": "6",
    "unknown_patience_seconds": "1",
    "database_timeout_seconds": "5",
    "upstream_webhooks": "off",
}
ASKERS = 6
SOME = 12
# Each caller is refused so often while a process looks at the tables once.
ENOUGH = 5 * ASKERS
# With what a cluster needs when it is new, and what the migrations write.
DISK_MEGABYTES = 256
RECORDED = "SELECT state FROM jobs j JOIN job_inputs i ON i.job_id = j.id WHERE prompt = $1"


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, bool]]:
    """Where PostgreSQL keeps everything, and whether that is small enough to be filled."""
    directory = tmp_path_factory.mktemp("disk")
    with small_disk(directory, megabytes=DISK_MEGABYTES) as is_small:
        yield directory, is_small


@pytest.fixture(scope="module")
def servers(disk: tuple[Path, bool], tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnServers]:
    servers = OwnServers(disk[0] / "data", postgres=True, redis=False)
    make_template(servers.database_url, tmp_path_factory.mktemp("lock") / "template")
    yield servers
    servers.stop()


@pytest.fixture(scope="module")
def gateway(
    servers: OwnServers, stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """The same one for all tests of this module: whatever happened to its server, it goes on."""
    database = Database(beside(servers.database_url, "fluxgate_template"))
    settings = settings_for(stores, database, simulator.address) | SETTINGS
    with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
        yield gateway
        assert not gateway.process.events("background.died")


@pytest.fixture
def database(gateway: Gateway) -> Database:
    return gateway.database


@pytest.fixture
def caller(gateway: Gateway, servers: OwnServers) -> Caller:
    assert servers.database_url
    return gateway.caller()


@contextmanager
def everybody_asking(gateway: Gateway, simulator: Simulator) -> Iterator[Told]:
    """Callers at work before, within and after the block; then everything is accounted for."""
    keys = make_keys(gateway.database, ASKERS)
    with asking([gateway.address], keys) as told:
        until(lambda: len(told.answered) > SOME)
        yield told
        before = len(told.answered)
        until(lambda: len(told.answered) > before + SOME)
    until(lambda: is_settled(gateway.database))
    check_history(gateway.database, [simulator], told.answered, told.refused)
    assert not told.wrong
    assert told.codes["submit", 503] > 0
    # Nobody was left without an answer.
    assert not [what for what, status in told.codes if status == 0]


def is_refused(told: Told) -> bool:
    return told.codes["submit", 503] > 0


def test_restarted_under_load(servers: OwnServers, gateway: Gateway, simulator: Simulator) -> None:
    """Hypothesis: submits are answered 503 meanwhile, and none that was answered 200 is lost."""
    with everybody_asking(gateway, simulator) as told, servers.stopped():
        until(lambda: is_refused(told))


def test_killed_under_load(servers: OwnServers, gateway: Gateway, simulator: Simulator) -> None:
    """Hypothesis: what was being recorded is refused and was not sent, and none that was answered is lost.

    Killed at any moment it would hardly ever be recording: each submit looks for its key first.
    """
    with everybody_asking(gateway, simulator) as told, started_again(servers):
        with recording_held(gateway.database):
            until(lambda: gateway.database.rows(BLOCKED))
            servers.kill()
        until(lambda: is_refused(told))


@contextmanager
def started_again(servers: OwnServers) -> Iterator[None]:
    """They are killed within the block."""
    try:
        yield
    finally:
        servers.start()


def test_killed_before_it_commits(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: nothing is there and nothing was sent; a repeat by its key makes the job."""
    with ThreadPoolExecutor(1) as threads, started_again(servers):
        with recording_held(gateway.database):
            asked = threads.submit(ask_by_key, caller, prompt)
            until(lambda: gateway.database.rows(BLOCKED))
            servers.kill()
        check_refused(asked.result())
    assert gateway.database.rows(RECORDED, prompt) == []
    check_repeat(gateway, caller, simulator, prompt)


def test_killed_while_it_commits(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: the record is there, nothing was sent; it ends, and a repeat by its key finds out."""
    with ThreadPoolExecutor(1) as threads, commits_held(gateway.database), started_again(servers):
        asked = threads.submit(ask_by_key, caller, prompt)
        until(lambda: gateway.database.rows(COMMITTING))
        servers.kill()
        check_refused(asked.result())
    until(lambda: gateway.database.value(RECORDED, prompt) in ("failed", "lost"))
    check_repeat(gateway, caller, simulator, prompt)


def ask_by_key(caller: Caller, prompt: str) -> httpx.Response:
    return caller.post(DEV, json={"prompt": prompt}, headers={"idempotency-key": prompt})


def check_refused(answer: httpx.Response) -> None:
    assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")


def check_repeat(gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str) -> None:
    """Nothing was sent so far. A record that was undone in time does not count; a machine may be late."""
    assert simulator.accepted(prompt) == []
    is_lost = [row["state"] for row in gateway.database.rows(RECORDED, prompt)] == ["lost"]
    job_id = until(lambda: ask_by_key(caller, prompt).json().get("request_id"))
    gateway.database.wait(job_id, "lost" if is_lost else "succeeded")
    assert len(simulator.accepted(prompt)) == (0 if is_lost else 1)
    until(lambda: is_settled(gateway.database))
    check_history(gateway.database, [simulator], {job_id: prompt})


def test_silent_under_load(servers: OwnServers, gateway: Gateway, simulator: Simulator) -> None:
    """Hypothesis: nobody waits for it longer than the timeout; what it does afterwards is undone.

    It lasts until a process has looked how tables grow, which is more than one statement of a connection: the
    driver ends a connection on which the second waits for the first in vain.
    """
    with everybody_asking(gateway, simulator) as told, servers.frozen():
        until(lambda: told.codes["submit", 503] > ENOUGH, 120)
        assert gateway.get("/livez").status_code == 200


def test_a_submit_without_postgresql_is_503_and_nothing_is_sent(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: it is said at once and by every part, and it is over by itself."""
    caller.wait(caller.job(f"{prompt} before"))
    with servers.stopped():
        answer = caller.submit(prompt)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert simulator.accepted(prompt) == []
        assert gateway.get("/livez").status_code == 200
        assert gateway.get("/metrics").status_code == 200
        ready = gateway.get("/readyz")
        assert (ready.status_code, ready.json()["parts"]["postgres"]) == (503, "down")
        assert ready.json()["held_jobs"] is None
    until(lambda: gateway.get("/readyz").status_code == 200)
    job_id = until(lambda: caller.submit(prompt).json().get("request_id"))
    caller.wait(job_id)
    assert len(simulator.accepted(prompt)) == 1


def test_a_malformed_key_is_refused_without_asking_postgresql(servers: OwnServers, gateway: Gateway) -> None:
    """Hypothesis: who guesses keys costs it nothing."""
    key = new_key()
    mistyped = key[:-1] + ("0" if key[-1] != "0" else "1")
    path = "/fal-ai/flux-1/requests/x"
    with servers.stopped():
        for malformed in (mistyped, key[:-1], "fg_", "anything"):
            assert gateway.get(path, headers={"authorization": f"Key {malformed}"}).status_code == 401
        assert gateway.get(path, headers={"authorization": f"Key {key}"}).status_code == 503


def test_a_job_whose_answer_could_not_be_recorded_becomes_unknown_and_is_not_sent_again(
    servers: OwnServers, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: its caller is told that it exists, and its money stays held until somebody knows more."""
    slow = f"{prompt} [submit hang 4]"
    with ThreadPoolExecutor() as threads:
        asking_now = threads.submit(caller.submit, slow)
        until(lambda: simulator.accepted(slow))
        with servers.stopped():
            answer = asking_now.result()
    assert (answer.status_code, answer.json()["status"]) == (200, "IN_QUEUE")
    job_id = answer.json()["request_id"]
    gateway.database.wait(job_id, "lost")
    assert gateway.database.history(job_id) == ["submitting", "unknown", "lost"]
    assert len(simulator.accepted(slow)) == 1


def test_read_only(
    gateway: Gateway, caller: Caller, database: Database, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: submits are 503 and not sent; what is stored is read; over without a restart."""
    job_id = caller.job(prompt)
    caller.wait(job_id)
    other = f"{prompt} other"
    with changed(database, "default_transaction_read_only = on", "default_transaction_read_only"):
        answer = caller.submit(other)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
        assert caller.result(job_id).json()["prompt"] == prompt
        assert caller.get(f"/api/jobs/{job_id}").status_code == 200
    until(lambda: gateway.get("/readyz").status_code == 200)
    assert simulator.accepted(other) == []
    caller.wait(until(lambda: caller.submit(other).json().get("request_id")))


def test_its_disk_is_full(
    disk: tuple[Path, bool], gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: submits are 503 and not sent; what is stored is read; nothing is damaged."""
    directory, is_small = disk
    if not is_small:
        pytest.skip(NO_SMALL_DISK)
    job_id = caller.job(prompt)
    caller.wait(job_id)
    prompts: list[str] = []

    def is_full() -> bool:
        # Nothing that could be packed, so every submit needs room of its own.
        prompts.append(f"{prompt} {token_hex(20_000)}")
        return caller.submit(prompts[-1]).status_code == 503

    with filled(directory):
        until(is_full)
        assert caller.result(job_id).json()["prompt"] == prompt
    assert simulator.accepted(prompts[-1]) == []
    caller.wait(until(lambda: caller.submit(f"{prompt} after").json().get("request_id")))
    until(lambda: is_settled(gateway.database))
    check_history(gateway.database, [simulator], {}, prompts[-1:])


def test_out_of_connections(
    gateway: Gateway, caller: Caller, database: Database, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: submits are 503 and not sent, whoever has taken the connections; over by itself."""
    with no_connection_left(database) as let_go:
        answer = caller.submit(prompt)
        assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
        assert gateway.get("/livez").status_code == 200
        assert gateway.get("/readyz").status_code == 503
        let_go()
    assert simulator.accepted(prompt) == []
    caller.wait(until(lambda: caller.submit(prompt).json().get("request_id")))


def test_a_deadlock_with_somebody_else(
    caller: Caller, database: Database, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: PostgreSQL ends ours, which has waited for longer; that is a 503 that sent nothing."""
    lock = "SELECT FROM allowances WHERE scope_id = (SELECT {}(scope_id::text)::uuid FROM allowances {})"
    lock += " FOR UPDATE"
    team_id = database.value("SELECT team_id FROM api_keys ORDER BY created_at DESC, id LIMIT 1")
    mine = (
        f"WHERE scope_id = '{team_id}' OR scope_id IN (SELECT id FROM api_keys WHERE team_id = '{team_id}')"
    )
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = database.value(deadlocks)
    # It is looked for once, so long after a wait has begun; before the gateway's own timeout of five seconds.
    with changed(as_superuser(database), "deadlock_timeout = '2500ms'", "deadlock_timeout"):
        caller.wait(until(lambda: caller.submit(f"{prompt} before").json().get("request_id")))
        with ThreadPoolExecutor() as threads, under_way(database, lock.format("max", mine)) as run:
            submitting = threads.submit(caller.submit, prompt)
            until(lambda: database.rows(BLOCKED))
            run(lock.format("min", mine))
            answer = submitting.result()
        until(lambda: database.value(deadlocks) > before)
    assert answer.status_code == 503
    assert simulator.accepted(prompt) == []
    caller.wait(until(lambda: caller.submit(prompt).json().get("request_id")))


def test_a_transaction_that_somebody_forgot(caller: Caller, database: Database, prompt: str) -> None:
    """Hypothesis: it keeps old rows from being cleaned up, and nobody from working."""
    with under_way(database, "SELECT count(*) FROM jobs, ledger"):
        caller.wait(caller.job(prompt))
