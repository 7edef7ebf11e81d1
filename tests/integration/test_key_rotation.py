"""The same key gets another secret, and the one before lasts a little longer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.callers.key_material import is_well_formed, new_key
from app.callers.repository import FIND_CALLER
from app.callers.sessions import CSRF_HEADER
from tests.support.caller import DEV
from tests.support.database import Database
from tests.support.gateway import Gateway, make_keys
from tests.support.operators import Operator, operator_of
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER
from tests.support.waiting import until_over

NOBODY = "0190a0b0-0000-7000-8000-000000000000"
NO_JOB = f"{DEV}/requests/{NOBODY}/status"
# The database's word on a key is believed for five seconds; the rest is the test's own time.
DEAD_SECONDS = 8
LET_IN, SHUT_OUT = 404, 401


@pytest.fixture(scope="module")
def operator(gateway: Gateway) -> Iterator[Operator]:
    with operator_of(gateway) as operator:
        yield operator


def rotate(operator: Operator, key_id: str, **fields: object) -> httpx.Response:
    return operator.post(f"/keys/{key_id}/rotate", json=fields)


def word_on(gateway: Gateway, credential: str) -> int:
    return gateway.get(NO_JOB, headers={"authorization": f"Key {credential}"}).status_code


def last_change(operator: Operator) -> dict[str, object]:
    [change] = operator.get("/audit", params={"limit": "1"}).json()["items"]
    return dict(change)


def test_both_secrets_count_within_the_grace_and_all_else_goes_on(
    gateway: Gateway, operator: Operator, prompt: str
) -> None:
    key = operator.key(operator.team()["name"], max_in_flight=7)
    before = gateway.caller(key["key"])
    token = before.post("/api/tokens", json={}).json()["token"]
    # The key's counters are compared below: a job that ended in between would change them.
    job_id = before.job(prompt)
    before.wait(job_id)
    rotated = rotate(operator, key["id"])
    assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
    new = rotated.json()
    assert is_well_formed(new["key"])
    assert (new["id"], new["max_in_flight"], new["hint"]) == (key["id"], 7, new["key"][-4:])
    assert new["previous_expires_at"] is not None
    assert [word_on(gateway, one) for one in (key["key"], new["key"], token)] == [LET_IN] * 3
    assert gateway.caller(new["key"]).status(job_id).status_code in (200, 202)
    assert [item["id"] for item in before.get("/api/jobs").json()["items"]] == [job_id]
    assert operator.get(f"/keys/{key['id']}").json() == {n: v for n, v in new.items() if n != "key"}

    change = last_change(operator)
    assert (change["action"], change["subject_id"]) == ("key.rotate", key["id"])
    assert change["before"] == {
        "name": "a key",
        "team": key["team"],
        "hint": key["hint"],
        "previous_expires_at": None,
    }
    stored = str(gateway.database.rows("SELECT * FROM audit_trail")) + gateway.process.log()
    assert key["key"] not in stored
    assert new["key"] not in stored


def test_the_secret_before_dies_when_the_grace_is_over(gateway: Gateway, operator: Operator) -> None:
    key = operator.key(operator.team()["name"])
    assert word_on(gateway, key["key"]) == LET_IN
    new = rotate(operator, key["id"], grace_seconds=1).json()
    until_over(lambda: word_on(gateway, key["key"]) == LET_IN, DEAD_SECONDS)
    assert word_on(gateway, new["key"]) == LET_IN
    assert operator.get(f"/keys/{key['id']}").json()["previous_expires_at"] is None


def test_a_second_rotation_ends_the_oldest_and_no_grace_the_one_before(
    gateway: Gateway, operator: Operator
) -> None:
    key = operator.key(operator.team()["name"])
    second = rotate(operator, key["id"]).json()["key"]
    third = rotate(operator, key["id"]).json()["key"]
    assert [word_on(gateway, one) for one in (key["key"], second, third)] == [SHUT_OUT, LET_IN, LET_IN]
    fourth = rotate(operator, key["id"], grace_seconds=0).json()
    assert fourth["previous_expires_at"] is None
    until_over(lambda: word_on(gateway, third) == LET_IN, DEAD_SECONDS)
    assert word_on(gateway, fourth["key"]) == LET_IN


def test_revoking_ends_both(gateway: Gateway, operator: Operator) -> None:
    key = operator.key(operator.team()["name"])
    new = rotate(operator, key["id"]).json()["key"]
    operator.delete(f"/keys/{key['id']}")
    assert [word_on(gateway, one) for one in (key["key"], new)] == [SHUT_OUT] * 2


def test_what_is_revoked_is_not_rotated(operator: Operator) -> None:
    team = operator.team()
    revoked, orphan = operator.key(team["name"]), operator.key(team["name"])
    operator.delete(f"/keys/{revoked['id']}")
    assert rotate(operator, revoked["id"]).status_code == 409
    operator.delete(f"/teams/{team['id']}")
    assert rotate(operator, orphan["id"]).status_code == 409
    assert rotate(operator, NOBODY).status_code == 404
    assert rotate(operator, "x").status_code == 404


WRONG = {
    "negative": {"grace_seconds": -1},
    "31 days": {"grace_seconds": 31 * 86_400},
    "a text": {"grace_seconds": "24h"},
    "a fraction": {"grace_seconds": 1.5},
    "unknown": {"grace": 5},
    "a long hint": {"hint": "x" * 101},
}


@pytest.mark.parametrize("body", list(WRONG.values()), ids=list(WRONG))
def test_a_grace_that_is_none_is_refused(operator: Operator, body: dict[str, object]) -> None:
    assert rotate(operator, NOBODY, **body).status_code == 422


def test_of_ten_who_replace_one_secret_one_does(gateway: Gateway, operator: Operator) -> None:
    key = operator.key(operator.team()["name"])
    with ThreadPoolExecutor(10) as pool:
        calls = [pool.submit(rotate, operator, key["id"], hint=key["hint"]) for _ in range(10)]
        answers = [call.result() for call in calls]
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    [made] = [answer.json()["key"] for answer in answers if answer.status_code == 200]
    assert [word_on(gateway, one) for one in (key["key"], made)] == [LET_IN] * 2
    assert operator.get("/audit/verify").json()["is_whole"]


def test_the_command_line_rotates_as_well(database: Database, tmp_path: Path) -> None:
    settings = {"database_url": database.url, "key_pepper": PEPPER}

    def run(*words: str) -> tuple[int, str]:
        done = run_fluxgate(tmp_path, *words, settings=settings)
        return done.returncode, done.stdout.strip()

    [first] = make_keys(database, 1)
    key_id = str(database.value("SELECT id FROM api_keys"))
    code, second = run("keys", "rotate", key_id, "--grace", "2h")
    assert (code, is_well_formed(second), second != first) == (0, True, True)
    left = "SELECT extract(epoch FROM previous_expires_at - now())::int FROM api_keys"
    assert 7000 < database.value(left) <= 7200
    assert run("keys", "rotate", key_id, "--grace", "none", "--json")[0] == 0
    assert database.value("SELECT previous_digest FROM api_keys") is None
    assert run("keys", "rotate", key_id, "--grace", "31d")[0] == 2


def test_a_caller_is_found_by_two_indexes(database: Database) -> None:
    database.rows("INSERT INTO teams (id, name) VALUES ($1, 'many')", UUID(NOBODY))
    database.rows(
        "INSERT INTO api_keys (id, team_id, name, digest, hint, previous_digest)"
        " SELECT gen_random_uuid(), $1, 'x', sha256(n::text::bytea), 'x',"
        " CASE WHEN n % 10 = 0 THEN sha256(('before' || n)::bytea) END FROM generate_series(1, 20000) AS n",
        UUID(NOBODY),
    )
    database.rows("ANALYZE api_keys")
    plan = str(database.rows(f"EXPLAIN {FIND_CALLER.replace('$1', chr(39) + chr(92) + 'x00' + chr(39))}"))
    assert "BitmapOr" in plan
    assert "Seq Scan on api_keys" not in plan
    assert "uq_api_keys_previous_digest" in plan


def test_a_key_that_nobody_made_is_still_unknown(gateway: Gateway) -> None:
    assert word_on(gateway, new_key()) == SHUT_OUT


def test_what_was_begun_with_a_secret_ends_with_it(
    gateway: Gateway, operator: Operator, on_exit: ExitStack
) -> None:
    key = operator.key(operator.team()["name"])
    secrets = [key["key"], rotate(operator, key["id"]).json()["key"]]
    tokens = [
        gateway.caller(secret).post("/api/tokens", json={"ttl_seconds": 600}).json()["token"]
        for secret in secrets
    ]
    browsers = [on_exit.enter_context(signed_in(gateway, secret)) for secret in secrets]
    assert [word_on(gateway, token) for token in tokens] == [LET_IN] * 2
    assert [may_look(browser) for browser in browsers] == [True] * 2
    secrets.append(rotate(operator, key["id"], grace_seconds=0).json()["key"])
    browsers.append(on_exit.enter_context(signed_in(gateway, secrets[2])))
    until_over(lambda: may_look(browsers[1]), DEAD_SECONDS)
    assert [may_look(browser) for browser in browsers] == [False, False, True]
    assert [word_on(gateway, token) for token in tokens] == [SHUT_OUT] * 2


def test_within_a_grace_both_secrets_can_begin_something(gateway: Gateway, operator: Operator) -> None:
    key = operator.key(operator.team()["name"])
    rotate(operator, key["id"])
    with signed_in(gateway, key["key"]) as browser:
        assert may_look(browser)
        page = browser.get("/console").text
        csrf = page.partition('csrf-token" content="')[2].partition('"')[0]
        minted = browser.post("/api/tokens", json={"ttl_seconds": 600}, headers={CSRF_HEADER: csrf})
    rotate(operator, key["id"], grace_seconds=0)
    until_over(lambda: word_on(gateway, minted.json()["token"]) == LET_IN, DEAD_SECONDS)


@contextmanager
def signed_in(gateway: Gateway, secret: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as browser:
        assert browser.post("/console/sign-in", data={"key": secret}).status_code == 303
        yield browser


def may_look(browser: httpx.Client) -> bool:
    return browser.get("/console").status_code == 200
