"""A pooler in transaction mode between the gateway and PostgreSQL: no session is the gateway's own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.accounts import Account, differences
from tests.support.caller import Caller
from tests.support.checker import check_history, is_settled
from tests.support.database import Database, fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.pgbouncer import pooled
from tests.support.processes import run_fluxgate
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

JOBS = 24


@pytest.fixture(scope="module")
def database(stores: Stores) -> Iterator[Database]:
    """One without a table: the schema comes through the pooler as well."""
    with fresh_database(stores.database_url, template="template0") as database:
        yield database


@pytest.fixture(scope="module")
def settings(
    stores: Stores, simulator: Simulator, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    with pooled(database, tmp_path_factory.mktemp("pooler")) as address:
        pooler = {"database_url": address, "database_pooler": "transaction"}
        yield settings_for(stores, database, simulator.address) | pooler


@pytest.fixture(scope="module")
def gateway(
    settings: dict[str, str], database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
        yield gateway


@pytest.fixture
def caller(gateway: Gateway) -> Iterator[Caller]:
    with gateway.caller() as caller:
        yield caller


def test_jobs_are_submitted_followed_read_and_cancelled(
    caller: Caller, database: Database, simulator: Simulator, prompt: str
) -> None:
    """Hypothesis: no statement needs what an earlier one left in its session."""
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda number: caller.job(f"{prompt} {number}"), range(JOBS)))
        stopped = caller.job(f"{prompt} [queue 60]")
        assert caller.cancel(stopped).status_code == 200
        for number, job_id in enumerate(jobs):
            caller.wait(job_id)
            assert caller.result(job_id).json()["prompt"] == f"{prompt} {number}"
    assert caller.get(f"/api/jobs/{stopped}").json()["state"] == "cancelled"
    until(lambda: is_settled(database))
    check_history(database, [simulator], {job_id: f"{prompt} {n}" for n, job_id in enumerate(jobs)})


def test_limits_hold(caller: Caller, database: Database, prompt: str) -> None:
    """Hypothesis: what is decided under a lock is decided within one statement."""
    account = Account.of(database, caller)
    account.limit_team(max_images=5)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: caller.submit(f"{prompt} {number}"), range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [402] * 7
    until(lambda: account.team()["in_flight"] == 0)
    assert differences(database) == []


def test_commands_and_reports_go_through_it(
    caller: Caller, settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory, prompt: str
) -> None:
    """Hypothesis: transactions of several statements stay in one session, and the rest needs none."""
    directory = tmp_path_factory.mktemp("commands")
    for words in (
        ("teams", "create", f"team {prompt}", "--budget-usd", "1"),
        ("ledger", "check"),
    ):
        done = run_fluxgate(directory, *words, settings=settings)
        assert done.returncode == 0, done.stderr
    assert caller.get("/api/usage").status_code == 200
    assert caller.get("/api/jobs", params={"limit": 2}).status_code == 200
