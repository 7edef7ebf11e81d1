"""What an operator can do about a job that the upstream may or may not have: bind, settle, send again."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.admin.unknown_repository import unknown_jobs
from app.storage.postgres import Database as AppDatabase
from tests.conftest import StartGateway
from tests.support.accounts import Account, differences
from tests.support.called_back import Scene, called_back
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.gateway import Gateway, serve_alone
from tests.support.history import ROUND, fill, make_team, with_app_database
from tests.support.operators import Operator, operator_of
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.waiting import until

NOBODY = "0190a0b0-0000-7000-8000-000000000000"
# The first try is accepted, its answer is lost; a second one is answered.
ONCE = "[submit reset 1]"


@pytest.fixture(scope="module")
def gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One of these tests' own: every counter in its database has to agree with the ledger."""
    with serve_alone(stores, simulator, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def operator(gateway: Gateway) -> Iterator[Operator]:
    with operator_of(gateway) as operator:
        yield operator


@pytest.fixture
def unknown(gateway: Gateway, caller: Caller, prompt: str) -> str:
    """A job that the upstream has, and nobody here knows under which id."""
    job_id = caller.job(f"{prompt} {ONCE}")
    assert gateway.database.state(job_id) == "unknown"
    return job_id


def do(operator: Operator, job_id: str, deed: str, **fields: object) -> httpx.Response:
    return operator.post(f"/unknown/{job_id}/{deed}" if deed else f"/unknown/{job_id}", json=fields)


def account_of(gateway: Gateway, job_id: str) -> Account:
    job = gateway.database.job(job_id)
    return Account(gateway.database, job["team_id"], job["key_id"])


def change_of(operator: Operator, job_id: str) -> dict[str, Any]:
    changes = operator.get("/audit").json()["items"]
    return next(change for change in changes if change["subject_id"] == job_id)


def test_what_is_known_of_a_job_is_told(operator: Operator, unknown: str, prompt: str) -> None:
    told = operator.get(f"/unknown/{unknown}").json()
    assert (told["id"], told["state"], told["prompt"]) == (unknown, "unknown", f"{prompt} {ONCE}")
    assert (told["has_input"], told["is_let_in"], told["told_at"], told["charged_usd"]) == (
        True,
        True,
        None,
        None,
    )
    assert operator.get(f"/unknown/{NOBODY}").status_code == 404


def test_a_bound_job_is_followed_to_its_end(
    gateway: Gateway, operator: Operator, caller: Caller, *, simulator: Simulator, unknown: str, prompt: str
) -> None:
    upstream_id = simulator.only(f"{prompt} {ONCE}")["id"]
    bound = do(operator, unknown, "bind", upstream_id=upstream_id, note="seen in the dashboard")
    assert (bound.status_code, bound.json()["state"]) == (200, "queued")
    caller.wait(unknown)
    assert caller.result(unknown).status_code == 200
    assert gateway.database.history(unknown)[:3] == ["submitting", "unknown", "queued"]
    assert len(simulator.accepted(f"{prompt} {ONCE}")) == 1
    assert upstream_id not in str(caller.get(f"/api/jobs/{unknown}").json()["timeline"])
    change = change_of(operator, unknown)
    assert (change["action"], change["before"]) == ("job.bind", {"state": "unknown"})
    assert change["after"] == {"state": "queued", "upstream_id": upstream_id, "note": "seen in the dashboard"}
    assert do(operator, unknown, "bind", upstream_id=upstream_id).status_code == 409


def test_an_id_of_another_job_or_of_none_is_refused(
    gateway: Gateway, operator: Operator, caller: Caller, unknown: str, prompt: str
) -> None:
    other = caller.job(f"another {prompt}")
    taken = do(operator, unknown, "bind", upstream_id=gateway.database.job(other)["upstream_id"])
    assert (taken.status_code, other in taken.json()["detail"]) == (409, True)
    nobodys = do(operator, unknown, "bind", upstream_id=str(uuid4()))
    assert (nobodys.status_code, "knows no request" in nobodys.json()["detail"]) == (409, True)
    for form in ("", "a/b", "../x", "a b", "x" * 129, "a?b", ".", None, 5):
        assert do(operator, unknown, "bind", upstream_id=form).status_code == 422, form
    assert do(operator, NOBODY, "bind", upstream_id="abc").status_code == 404
    assert gateway.database.state(unknown) == "unknown"
    assert differences(gateway.database) == []


def test_of_two_jobs_that_are_bound_to_one_id_one_is(
    gateway: Gateway, operator: Operator, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    jobs = [caller.job(f"{prompt} {n} {ONCE}") for n in range(6)]
    upstream_id = simulator.only(f"{prompt} 0 {ONCE}")["id"]
    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(do, operator, job_id, "bind", upstream_id=upstream_id) for job_id in jobs]
        codes = sorted(call.result().status_code for call in calls)
    assert codes == [200] + [409] * 5
    holders = "SELECT count(*) FROM jobs WHERE upstream_id = $1"
    assert gateway.database.value(holders, upstream_id) == 1


def test_a_job_is_sent_again_once_and_both_tries_are_charged_until_it_is_settled(
    gateway: Gateway, operator: Operator, caller: Caller, *, simulator: Simulator, unknown: str, prompt: str
) -> None:
    account = account_of(gateway, unknown)
    reserved = gateway.database.job(unknown)["reserved_micros"]
    again = do(operator, unknown, "resubmit", note="the team asked for it")
    assert (again.status_code, again.json()["charged_usd"]) == (200, f"0.{reserved:06}")
    assert do(operator, unknown, "resubmit").status_code == 409
    caller.wait(unknown)
    assert caller.result(unknown).status_code == 200
    assert gateway.database.history(unknown)[:5] == [
        "submitting",
        "unknown",
        "accepted",
        "submitting",
        "queued",
    ]
    assert len(simulator.accepted(f"{prompt} {ONCE}")) == 2
    until(lambda: account.team()["in_flight"] == 0)
    entries = account.ledger(unknown)
    assert entries[:2] == [("reserve", reserved, 0), ("resubmit", 0, reserved)]
    made = entries[2][2]
    assert (entries[2][:2], made is not None) == (("charge", -reserved), True)
    assert gateway.database.job(unknown)["cost_micros"] == account.team()["spent_micros"] == reserved + made
    assert account.team()["reserved_micros"] == 0
    assert differences(gateway.database) == []
    [flagged] = [
        entry for entry in caller.get(f"/api/jobs/{unknown}").json()["ledger"] if entry["kind"] == "resubmit"
    ]
    assert "may have taken the first try" in flagged["note"]
    change = change_of(operator, unknown)
    assert (change["action"], change["after"]["note"]) == ("job.resubmit", "the team asked for it")

    assert unknown in [item["id"] for item in operator.get("/unknown").json()["items"]]
    settled = do(operator, unknown, "", cost_usd="0.01", note="the bill shows one")
    assert (settled.status_code, settled.json()["cost_usd"]) == (200, "0.010000")
    assert account.team()["spent_micros"] == account.key()["spent_micros"] == 10_000
    assert unknown not in [item["id"] for item in operator.get("/unknown").json()["items"]]
    assert do(operator, unknown, "", cost_usd="0.02").status_code == 409
    assert differences(gateway.database) == []


def test_a_second_try_whose_answer_is_lost_as_well_is_not_followed_by_a_third(
    gateway: Gateway, operator: Operator, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    twice = f"{prompt} [submit reset 2]"
    job_id = caller.job(twice)
    assert do(operator, job_id, "resubmit").status_code == 200
    until(lambda: gateway.database.history(job_id).count("unknown") == 2)
    third = do(operator, job_id, "resubmit")
    assert (third.status_code, "third time" in third.json()["detail"]) == (409, True)
    assert gateway.database.state(job_id) == "unknown"
    assert len(simulator.accepted(twice)) == 2
    assert differences(gateway.database) == []
    # Given up, it is charged for both, until the bill says what it was.
    assert do(operator, job_id, "", cost_usd="0.00").status_code == 200
    assert account_of(gateway, job_id).team()["spent_micros"] == 0
    assert differences(gateway.database) == []


def test_an_old_job_is_sent_again_all_the_same(gateway: Gateway, operator: Operator, unknown: str) -> None:
    gateway.database.rows(
        "UPDATE jobs SET created_at = created_at - interval '3 hours' WHERE id = $1", UUID(unknown)
    )
    # Its month goes back as well: on the first of a month it would be a job of the last one.
    for scope in ("team_id", "key_id"):
        gateway.database.rows(
            "UPDATE allowances SET window_start = window_start - interval '3 hours'"
            f" WHERE scope_id = (SELECT {scope} FROM jobs WHERE id = $1)",
            UUID(unknown),
        )
    assert do(operator, unknown, "resubmit").status_code == 200
    gateway.database.wait(unknown, "succeeded")
    assert differences(gateway.database) == []


KEY = "id = (SELECT key_id FROM jobs WHERE id = $1)"
TEAM = "id = (SELECT team_id FROM jobs WHERE id = $1)"
IMPOSSIBLE = {
    "its key is revoked": f"UPDATE api_keys SET revoked_at = now() WHERE {KEY}",
    "its team is expired": f"UPDATE teams SET expires_at = now() WHERE {TEAM}",
    "its input is gone": "DELETE FROM job_inputs WHERE job_id = $1",
    "its caller cancelled": "UPDATE jobs SET cancel_requested_at = now() WHERE id = $1",
    "the upstream told of it": "UPDATE jobs SET told_id = 'x', told_at = now() WHERE id = $1",
}


@pytest.mark.parametrize("change", list(IMPOSSIBLE.values()), ids=list(IMPOSSIBLE))
def test_what_cannot_be_sent_again_says_why(
    gateway: Gateway, operator: Operator, simulator: Simulator, *, unknown: str, prompt: str, change: str
) -> None:
    gateway.database.rows(change, UUID(unknown))
    refused = do(operator, unknown, "resubmit")
    assert (refused.status_code, refused.json()["error_type"]) == (409, "conflict")
    assert gateway.database.state(unknown) == "unknown"
    assert len(account_of(gateway, unknown).ledger(unknown)) == 1
    assert len(simulator.accepted(f"{prompt} {ONCE}")) == 1


def test_an_unknown_job_that_is_settled_is_given_up(
    gateway: Gateway, operator: Operator, caller: Caller, unknown: str
) -> None:
    settled = do(operator, unknown, "", cost_usd="0.00", note="not in the bill")
    assert settled.status_code == 200, settled.text
    assert caller.status(unknown).json()["error_type"] == "submit_unknown"
    assert gateway.database.state(unknown) == "lost"
    account = account_of(gateway, unknown)
    assert [kind for kind, _, _ in account.ledger(unknown)] == ["reserve", "charge", "adjust"]
    assert account.team()["spent_micros"] == account.team()["in_flight"] == 0
    assert differences(gateway.database) == []
    for deed, fields in (("bind", {"upstream_id": "abc"}), ("resubmit", {}), ("", {"cost_usd": "1"})):
        assert do(operator, unknown, deed, **fields).status_code == 409


def test_an_unpriced_job_is_sent_again_as_well(gateway: Gateway, operator: Operator, unknown: str) -> None:
    for statement in (
        "UPDATE ledger SET reserved_micros = NULL, spent_micros = NULL WHERE job_id = $1",
        "UPDATE jobs SET reserved_micros = NULL, price_basis = NULL, price_micros = NULL WHERE id = $1",
    ):
        gateway.database.rows(statement, UUID(unknown))
    assert do(operator, unknown, "resubmit").json()["charged_usd"] is None
    gateway.database.wait(unknown, "succeeded")
    assert gateway.database.job(unknown)["cost_micros"] is None
    gateway.database.rows("DELETE FROM ledger WHERE job_id = $1", UUID(unknown))
    account = account_of(gateway, unknown)
    account.limit_team(reserved_micros=0, images=0)
    account.limit_key(reserved_micros=0, images=0)
    assert differences(gateway.database) == []


def test_the_webhook_of_a_first_try_that_ran_is_noticed_and_changes_nothing(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway(**called_back(simulator))
    scene = Scene(gateway, simulator)
    twice = f"{prompt} {ONCE} [webhook late 7]"
    job_id = scene.caller.job(twice)
    with operator_of(gateway) as operator:
        assert do(operator, job_id, "resubmit").status_code == 200
        gateway.database.wait(job_id, "succeeded")
        until(lambda: scene.heard("mismatch") == 1)
        first, second = simulator.accepted(twice)
        assert gateway.database.job(job_id)["upstream_id"] == second["id"] != first["id"]
        assert scene.events("webhook.id_mismatch", job_id)
        [item] = operator.get("/unknown").json()["items"]
        assert (item["id"], item["resubmitted_at"] is not None) == (job_id, True)
    assert differences(gateway.database) == []


def test_the_operator_and_the_worker_never_both_decide(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    """Jobs become lost by themselves at about the moment at which they are sent again or bound."""
    gateway = start_gateway(unknown_patience_seconds="1")
    caller = gateway.caller()
    jobs = {f"{prompt} {n} {ONCE}": "" for n in range(24)}
    with operator_of(gateway) as operator, ThreadPoolExecutor(12) as pool:
        started = {text: pool.submit(caller.job, text) for text in jobs}
        jobs = {text: call.result() for text, call in started.items()}
        ids = {text: simulator.only(text)["id"] for text in jobs}
        until(lambda: gateway.database.value("SELECT count(*) FROM jobs WHERE state = 'lost'"))
        calls = {
            text: pool.submit(do, operator, job_id, "bind", upstream_id=ids[text])
            if number % 2
            else pool.submit(do, operator, job_id, "resubmit")
            for number, (text, job_id) in enumerate(jobs.items())
        }
        codes = {text: call.result().status_code for text, call in calls.items()}
    assert set(codes.values()) <= {200, 409}
    for text, job_id in jobs.items():
        gateway.database.wait(job_id, "succeeded" if codes[text] == 200 else "lost")
        tries = 2 if codes[text] == 200 and "accepted" in gateway.database.history(job_id) else 1
        assert len(simulator.accepted(text)) == tries
    until(lambda: account_of(gateway, jobs[next(iter(jobs))]).team()["in_flight"] == 0)
    assert differences(gateway.database) == []


def test_lost_jobs_that_nobody_settles_come_by_pages(database: Database) -> None:
    """Of one team more than fit on a page, and some of another among them; one is settled, one is unknown."""
    many, few = make_team(database), make_team(database)
    fill(database, many, 130 * ROUND, step=timedelta(seconds=10))
    fill(database, few, 10 * ROUND, step=timedelta(seconds=60))
    lost = "SELECT id, team_id FROM jobs WHERE state = 'lost' ORDER BY id DESC"
    [settled, unknown, *_] = database.rows(f"{lost} OFFSET 60")
    database.rows(
        "INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)"
        " VALUES ($1, $2, 'adjust', 0, -7, now())",
        settled["team_id"],
        settled["id"],
    )
    database.rows("UPDATE jobs SET state = 'unknown', completed_at = NULL WHERE id = $1", unknown["id"])
    kept = "SELECT id FROM jobs WHERE state IN ('lost', 'unknown') AND id <> $1 ORDER BY id DESC"
    right = [row["id"] for row in database.rows(kept, settled["id"])]

    async def pages(stored: AppDatabase, limit: int) -> list[UUID]:
        found: list[UUID] = []
        before_id = UUID(int=2**128 - 1)
        while rows := await unknown_jobs(stored, before_id, limit):
            found += [row["id"] for row in rows]
            before_id = found[-1]
        return found

    assert len(right) == 139
    assert with_app_database(database, lambda stored: pages(stored, 101)) == right
    assert with_app_database(database, lambda stored: pages(stored, 7)) == right
