"""Clients that are gone in the middle of a word: what they began is whole or nothing, and holds nothing."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from random import Random

import pytest

from tests.support.caller import DEV, Caller
from tests.support.checker import check_history, is_settled
from tests.support.database import Database, fresh_database
from tests.support.fault_proxy import NO_LINGER
from tests.support.gateway import Gateway, serve
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until
from tests.support.wire import connect

POOL = 2
TIMES = 60
SEED = 20

# A transaction, a lock or a question that nobody waits for any more.
HELD = """
    SELECT state, wait_event_type, query FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'
"""
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""

WITH_UPSTREAM = """
    SELECT j.id FROM jobs j JOIN job_inputs i ON i.job_id = j.id
    WHERE prompt LIKE $1 || ' %' AND state = 'queued'
"""
SUBMITS = 'fluxgate_request_seconds_count{method="POST",route="submit"'
# Who waits on for the whole minute waits for nobody.
LET_GO_SECONDS = 30.0


@pytest.fixture(scope="module")
def gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One with so few connections that a few that are not given back are missed."""
    with fresh_database(stores.database_url) as database:
        settings = settings_for(stores, database, simulator.address)
        settings["database_pool_size"] = str(POOL)
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield gateway


@pytest.fixture
def caller(gateway: Gateway) -> Iterator[Caller]:
    with gateway.caller() as caller:
        yield caller


def request(caller: Caller, words: str) -> bytes:
    body = json.dumps({"prompt": words}).encode()
    head = f"POST {DEV} HTTP/1.1\r\nHost: x\r\nAuthorization: Key {caller.key}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def check_nothing_is_held(database: Database) -> None:
    until(lambda: not database.rows(HELD))
    until(lambda: database.value(CONNECTIONS) <= POOL)


@pytest.mark.parametrize("is_reset", [False, True])
def test_who_vanishes_at_a_byte_of_a_submit(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str, *, is_reset: bool
) -> None:
    """Hypothesis: a submit that is not whole is nothing, a whole one is a job; no connection is lost."""
    fate = Random(SEED)
    for number in range(TIMES):
        whole = request(caller, f"{prompt} {number}")
        # Every third is whole, and its client does not wait for the answer.
        sent = whole if number % 3 == 0 else whole[: fate.randrange(len(whole))]
        with connect(gateway.address) as connection, suppress(OSError):
            connection.sendall(sent)
            if is_reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    check_nothing_is_held(gateway.database)
    caller.wait(caller.job(prompt))
    until(lambda: is_settled(gateway.database))
    check_history(gateway.database, [simulator], {})
    ours = "SELECT prompt FROM job_inputs WHERE prompt LIKE $1 || ' %'"
    found = {row["prompt"] for row in gateway.database.rows(ours, prompt)}
    assert found <= {f"{prompt} {number}" for number in range(0, TIMES, 3)}
    assert found or is_reset


def test_who_vanishes_while_the_upstream_is_asked(
    gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: the job goes on without its caller, to its end."""
    words = f"{prompt} [submit hang 0.5]"
    with connect(gateway.address) as connection:
        connection.sendall(request(caller, words))
        until(lambda: simulator.accepted(words))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    state = "SELECT state FROM jobs j JOIN job_inputs i ON i.job_id = j.id WHERE prompt = $1"
    until(lambda: gateway.database.value(state, words) == "succeeded")
    check_nothing_is_held(gateway.database)


def test_who_vanishes_while_it_waits(gateway: Gateway, caller: Caller, prompt: str) -> None:
    """Hypothesis: nobody waits on for somebody who is gone; the job goes on."""
    answered = gateway.metric(SUBMITS)
    for number in range(POOL + 1):
        whole = request(caller, f"{prompt} {number} [queue 600]")
        with connect(gateway.address) as connection:
            connection.sendall(whole.replace(b"Host: x", b"Host: x\r\nPrefer: wait=60"))
            until(lambda: len(gateway.database.rows(WITH_UPSTREAM, prompt)) > number)  # noqa: B023 # run within the round
    until(lambda: gateway.metric(SUBMITS) >= answered + POOL + 1, LET_GO_SECONDS)
    check_nothing_is_held(gateway.database)
    jobs = gateway.database.rows(WITH_UPSTREAM, prompt)
    assert len(jobs) == POOL + 1
    for job in jobs:
        caller.cancel(str(job["id"])).raise_for_status()
