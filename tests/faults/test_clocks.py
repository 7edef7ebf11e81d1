"""Replicas whose clocks are five minutes ahead and behind: what is shared is dated by the database."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.callers.key_material import digest_of
from app.uploads.capability import Capability
from tests.support.caller import Caller
from tests.support.checker import check_deliveries, check_history, is_settled
from tests.support.clocks import at_another_time
from tests.support.database import Database, fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.pictures import picture
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.stores import PEPPER, Stores, settings_for
from tests.support.uploading import SIGNER, begun, put, send, upload_token
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with

WRONG_SECONDS = 300
# As far as the machine may be behind with everything else.
LATE_SECONDS = 60
JOBS = 12
SHORT_LEASE = {"lease_seconds": "12", "upstream_timeout_seconds": "10", **ALLOWING}


@pytest.fixture(scope="module")
def database(stores: Stores) -> Iterator[Database]:
    with fresh_database(stores.database_url) as database:
        yield database


@pytest.fixture(scope="module")
def apart(
    stores: Stores, simulator: Simulator, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Gateway]]:
    """One gateway that is ahead and one that is behind, each with a worker."""
    settings = settings_for(stores, database, simulator.address) | SHORT_LEASE
    with ExitStack() as stack:
        yield [
            stack.enter_context(
                serve(tmp_path_factory.mktemp("gateway"), database, settings=settings, under=under)
            )
            for under in (at_another_time(WRONG_SECONDS), at_another_time(-WRONG_SECONDS))
        ]


@pytest.fixture
def callers(apart: list[Gateway]) -> list[Caller]:
    """One key at both."""
    first = apart[0].caller()
    return [first, apart[1].caller(first.key)]


def test_leases_and_due_times_are_the_databases(
    apart: list[Gateway], callers: list[Caller], database: Database, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: neither takes a job from the other, and each is followed to its end once."""
    words = "[slow 1] [status hang 1]"
    jobs = {callers[n % 2].job(f"{prompt} {n} {words}"): f"{prompt} {n} {words}" for n in range(JOBS)}
    assert len(jobs) == JOBS
    for place, job_id in enumerate(jobs):
        callers[(place + 1) % 2].wait(job_id)
        assert callers[(place + 1) % 2].result(job_id).status_code == 200
    until(lambda: is_settled(database))
    check_history(database, [simulator], jobs)
    assert not [line for each in apart for line in each.process.events("follow.fenced")]
    late = "SELECT id FROM jobs WHERE abs(extract(epoch FROM now() - created_at)) > $1"
    assert not database.rows(late, float(LATE_SECONDS))


def test_webhooks_are_dated_by_the_database(callers: list[Caller], database: Database, prompt: str) -> None:
    """Hypothesis: receivers, who refuse what is five minutes old, refuse none."""
    with receiving() as receiver:
        jobs = [job_with(callers[n % 2], f"{receiver.address}/{n}", f"{prompt} {n}") for n in range(JOBS)]
        until(lambda: len({each.headers["webhook-id"] for each in receiver.requests}) == JOBS)
        until(lambda: is_settled(database))
        check_deliveries(receiver.requests, jobs)
        times = [int(each.headers["webhook-timestamp"]) for each in receiver.requests]
    assert all(abs(at - time.time()) < LATE_SECONDS for at in times)


def test_tokens_live_as_long_as_the_database_says(callers: list[Caller]) -> None:
    """Hypothesis: a token works at both, whichever minted it, and for no longer than it says at either."""
    for place in (0, 1):
        # Each has seen the key, and with it the database's clock.
        assert callers[place].get("/api/me").status_code == 200
        # Another one, should a machine have stood still for as long as this one lived.
        headers = until(lambda: honoured_at_both(callers[place], callers))  # noqa: B023 # run within the round
        until(lambda: answers_to(headers, callers) == {401})  # noqa: B023 # the same


def honoured_at_both(minting: Caller, callers: list[Caller]) -> dict[str, str]:
    """What a token of a few seconds is shown with; nothing where one of them does not take it."""
    minted = minting.post("/api/tokens", json={"ttl_seconds": 6}).raise_for_status().json()
    headers = {"authorization": f"Bearer {minted['token']}"}
    return headers if answers_to(headers, callers) == {200} else {}


def answers_to(headers: dict[str, str], callers: list[Caller]) -> set[int]:
    return {caller.get("/api/me", headers=headers).status_code for caller in callers}


def test_so_does_one_that_is_the_first_thing_a_process_hears(
    stores: Stores, simulator: Simulator, tmp_path: Path
) -> None:
    """Hypothesis: a gateway whose clock is ahead honours a token of a minute before it was shown any key."""
    with fresh_database(stores.database_url) as database, ExitStack() as stack:
        settings = settings_for(stores, database, simulator.address)
        right, ahead = (
            stack.enter_context(serve(tmp_path, database, settings=settings, under=under))
            for under in ((), at_another_time(WRONG_SECONDS))
        )
        minted = right.caller().post("/api/tokens", json={"ttl_seconds": 60}).raise_for_status().json()
        assert ahead.caller(minted["token"]).get("/api/me").status_code == 200


def test_permissions_to_upload_live_as_long_as_the_database_says(
    apart: list[Gateway], callers: list[Caller], database: Database
) -> None:
    """Hypothesis: one of ten minutes works at both, whichever gave it, and one that has ended at neither."""
    [key] = database.rows(
        "SELECT id, team_id, extract(epoch FROM now())::bigint AS now FROM api_keys WHERE digest = $1",
        digest_of(callers[0].key, PEPPER.encode()),
    )
    ended = SIGNER.sign(Capability(key["team_id"], key["id"], None, key["now"] - 1))
    for giver in callers:
        upload_url, _ = begun(giver)
        token = f"Bearer {upload_token(giver)['token']}"
        for gateway in apart:
            address = gateway.address + upload_url.removeprefix(apart[callers.index(giver)].address)
            assert put(address, picture()).status_code == 200
            assert send(gateway.address, token, picture()).status_code == 200
            assert send(gateway.address, f"Bearer {ended}", picture()).status_code == 401
