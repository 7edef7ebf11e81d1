"""Teams that keep digests or nothing: what is answered after the grace, from wherever, and what is told."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import pytest

from app.retention.statements import PURGE_PAYLOADS
from tests.conftest import StartGateway
from tests.support.accounts import Account
from tests.support.caller import DEV, Caller
from tests.support.database import Database, fresh_database
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.operators import operator_of
from tests.support.receiver import receiving
from tests.support.scripted_upstream import scripted
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.uploading import fetch
from tests.support.vault import link
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with

# Short, so that a test can wait for its end; the purge itself comes by a minute later.
GRACE_SECONDS = "5"
SEED = 7


@pytest.fixture(scope="module")
def forgetful(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Gateway]]:
    """Two processes of one installation with a short grace, which tell all they do."""
    with fresh_database(stores.database_url) as database, ExitStack() as stack:
        settings = {
            **settings_for(stores, database, simulator.address),
            **ALLOWING,
            "result_grace_seconds": GRACE_SECONDS,
            "log_level": "debug",
        }
        paths = [tmp_path_factory.mktemp("gateway") for _ in range(2)]
        first = stack.enter_context(serve(paths[0], database, settings=settings))
        second = stack.enter_context(serve(paths[1], database, "--no-worker", settings=settings))
        yield first, second


@pytest.fixture
def gateway(forgetful: tuple[Gateway, Gateway]) -> Gateway:
    return forgetful[0]


def caller_who_keeps(gateway: Gateway, privacy: str) -> Caller:
    """A caller of a new team."""
    [key] = make_keys(gateway.database, 1)
    caller = gateway.caller(key)
    team_id = Account.of(gateway.database, caller).team_id
    gateway.database.rows("UPDATE teams SET privacy = $2 WHERE id = $1", team_id, privacy)
    return caller


def purge_now(database: Database, job_id: str) -> None:
    """What the purge does to a payload that is past its time."""
    database.rows(PURGE_PAYLOADS, [UUID(job_id)])


def is_expired(caller: Caller, job_id: str) -> bool:
    return caller.result(job_id).status_code == 410


def until_expired(caller: Caller, job_id: str) -> None:
    """Waits for the end of the grace."""
    until(lambda: is_expired(caller, job_id))


def repeat(caller: Caller, job_id: str) -> httpx.Response:
    """Asks for the webhook of a job once more."""
    return caller.post(f"/api/deliveries/{job_id}/repeat")


def done(caller: Caller, prompt: str, seed: int | None = None) -> str:
    """The id of a job that has ended."""
    job_id = caller.job(prompt, seed=seed)
    caller.wait(job_id)
    return job_id


def fetched(caller: Caller) -> str:
    """The id of a job whose result was there when it was asked for, which is within the grace."""
    jobs = []

    def is_there() -> bool:
        jobs.append(done(caller, f"a cat {uuid4().hex}"))
        return caller.result(jobs[-1]).status_code == 200

    until(is_there)
    return jobs[-1]


def test_the_upstream_is_told_to_store_nothing_for_those_who_keep_nothing(
    gateway: Gateway, simulator: Simulator
) -> None:
    told = {}
    for privacy in ("full", "hashed", "none"):
        prompt = f"a cat {uuid4().hex}"
        caller_who_keeps(gateway, privacy).job(prompt)
        told[privacy] = simulator.only(prompt)["headers"].get("x-fal-store-io")
    assert told == {"full": None, "hashed": None, "none": "0"}
    prompt = f"a cat {uuid4().hex}"
    caller = caller_who_keeps(gateway, "none")
    caller.post(DEV, json={"prompt": prompt}, headers={"x-fal-store-io": "1"}).raise_for_status()
    assert simulator.only(prompt)["headers"]["x-fal-store-io"] == "0"


def test_a_result_is_there_for_its_grace_and_then_only_where_all_is_kept(gateway: Gateway) -> None:
    callers = {privacy: caller_who_keeps(gateway, privacy) for privacy in ("full", "hashed", "none")}
    jobs = {privacy: fetched(caller) for privacy, caller in callers.items()}
    for privacy in ("hashed", "none"):
        caller, job_id = callers[privacy], jobs[privacy]
        until_expired(caller, job_id)
        for path in ("", "/response"):
            gone = caller.get(f"/fal-ai/auto/requests/{job_id}{path}")
            assert gone.status_code == 410
            assert gone.json() == {
                "detail": "The result of this job is not kept any more.",
                "error_type": "result_expired",
            }
            assert gone.headers["x-fal-error-type"] == "result_expired"
            assert gone.headers["x-fal-request-id"] == job_id
        status = caller.status(job_id, logs=1)
        assert (status.status_code, status.json()["status"]) == (200, "COMPLETED")
        assert (status.json()["logs"], status.json()["metrics"]) == (None, {})
        assert "error" not in status.json()
        # It is the time that counts: the purge has not come by.
        assert gateway.database.value("SELECT count(*) FROM job_results WHERE job_id = $1", UUID(job_id)) == 1
    assert callers["full"].result(jobs["full"]).status_code == 200


@pytest.mark.parametrize("privacy", ["hashed", "none"])
def test_nothing_of_a_payload_is_told_after_the_grace_while_the_purge_is_held_back(
    gateway: Gateway, privacy: str
) -> None:
    caller = caller_who_keeps(gateway, privacy)
    job_id = fetched(caller)
    stored = gateway.database.value("SELECT prompt FROM job_inputs WHERE job_id = $1", UUID(job_id))
    word = stored.split()[-1]
    # As if it had been written down before the team wanted less to be kept.
    gateway.database.rows("INSERT INTO prompt_words VALUES ($1, $2::text::tsvector)", UUID(job_id), word)
    note = "UPDATE job_events SET note = $2 WHERE job_id = $1"
    gateway.database.rows(note, UUID(job_id), f"the upstream quotes {word}")
    until_expired(caller, job_id)
    with operator_of(gateway) as operator:
        for who, jobs in ((caller, "/api/jobs"), (operator, "/jobs")):
            told = who.get(f"{jobs}/{job_id}").json()
            payload = ("prompt", "input", "images", "seed", "purged_at")
            assert [told[name] for name in payload] == [None] * len(payload)
            assert (told["state"], word in str(told)) == ("succeeded", False)
            listed = {item["id"]: item for item in who.get(jobs, params={"limit": "100"}).json()["items"]}
            assert word not in str(listed[job_id])
            assert who.get(jobs, params={"q": word}).json()["items"] == []
        admin_key = operator.headers["authorization"].removeprefix("Bearer ")
    assert fetch(link(gateway, f"/vault/{job_id}/0")).status_code == 404
    for key in (caller.key, admin_key):
        with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as browser:
            browser.post("/console/sign-in", data={"key": key})
            page = browser.get(f"/console/jobs/{job_id}")
            assert (page.status_code, word in page.text) == (200, False)
            assert browser.get(f"/console/pictures/{job_id}/0?size=whole").status_code == 404
    assert gateway.database.value("SELECT count(*) FROM job_inputs WHERE job_id = $1", UUID(job_id)) == 1


def test_no_copy_of_a_result_outlives_the_grace(forgetful: tuple[Gateway, Gateway]) -> None:
    """In memory of the process that made it, and in Redis, from where the other one has it."""
    caller = caller_who_keeps(forgetful[0], "full")
    job_id = done(caller, f"a cat {uuid4().hex}")
    other = forgetful[1].caller(caller.key)
    assert caller.result(job_id).status_code == other.result(job_id).status_code == 200
    purge_now(forgetful[0].database, job_id)
    until(lambda: is_expired(caller, job_id) and is_expired(other, job_id))


def test_an_answer_that_has_gone_is_given_to_nobody(gateway: Gateway, simulator: Simulator) -> None:
    def word(caller: Caller, prompt: str) -> str:
        return str(caller.submit(prompt, seed=SEED).headers["x-fluxgate-cache"])

    prompt = f"a cat {uuid4().hex}"
    full = caller_who_keeps(gateway, "full")
    job_id = done(full, prompt, seed=SEED)
    assert word(full, prompt) == "HIT"
    purge_now(gateway.database, job_id)
    assert word(full, prompt) == "MISS"
    assert len(simulator.accepted(prompt)) == 2

    hashed = caller_who_keeps(gateway, "hashed")
    prompt = f"a cat {uuid4().hex}"
    job_id = done(hashed, prompt, seed=SEED)
    until(lambda: is_expired(hashed, job_id))
    assert word(hashed, prompt) == "MISS"

    none = caller_who_keeps(gateway, "none")
    prompt = f"a cat {uuid4().hex}"
    done(none, prompt, seed=SEED)
    assert word(none, prompt) == "BYPASS"
    assert len(simulator.accepted(prompt)) == 2


def test_a_repeat_under_the_same_key_names_the_job_whose_result_has_gone(gateway: Gateway) -> None:
    caller = caller_who_keeps(gateway, "hashed")
    prompt = f"a cat {uuid4().hex}"
    forms: dict[str, dict[str, Any]] = {
        DEV: {"prompt": prompt},
        f"/run{DEV}": {"prompt": prompt},
        "/v1/images/generations": {"model": DEV.removeprefix("/"), "prompt": prompt, "n": 1},
    }

    def ask(path: str, **headers: str) -> httpx.Response:
        return caller.post(path, json=forms[path], headers={"idempotency-key": path, **headers})

    jobs = {path: ask(path).headers["x-fal-request-id"] for path in forms}
    caller.wait(jobs[DEV])
    until(lambda: all(is_expired(caller, job_id) for job_id in jobs.values()))
    repeated = ask(DEV)
    assert (repeated.status_code, repeated.json()["request_id"]) == (200, jobs[DEV])
    assert (repeated.json()["status"], len(repeated.json())) == ("IN_QUEUE", 8)
    assert repeated.headers["idempotency-replayed"] == "true"
    for path, headers in ((DEV, {"prefer": "wait=5"}), (f"/run{DEV}", {}), ("/v1/images/generations", {})):
        gone = ask(path, **headers)
        assert (gone.status_code, gone.headers["x-fal-request-id"]) == (410, jobs[path]), path
        error = gone.json()["error"]["code"] if path.startswith("/v1") else gone.json()["error_type"]
        assert error == "result_expired"
    assert len(gateway.database.rows("SELECT 1 FROM job_inputs WHERE prompt = $1", prompt)) == 3


def test_a_webhook_is_not_sent_again_when_there_is_nothing_left_to_tell(gateway: Gateway) -> None:
    with receiving() as receiver:
        full, none = caller_who_keeps(gateway, "full"), caller_who_keeps(gateway, "none")
        jobs = {caller: job_with(caller, receiver.address, f"a cat {uuid4().hex}") for caller in (full, none)}
        until(lambda: len(receiver.requests) == 2)
        pending = "SELECT count(*) FROM deliveries WHERE state = 'pending'"
        until(lambda: gateway.database.value(pending) == 0)
        assert repeat(full, jobs[full]).status_code == 200
        until(lambda: len(receiver.requests) == 3 and gateway.database.value(pending) == 0)
        purge_now(gateway.database, jobs[full])
        until_expired(none, jobs[none])
        for caller, job_id in jobs.items():
            gone = repeat(caller, job_id)
            assert (gone.status_code, gone.json()["error_type"]) == (410, "result_expired")
            assert gone.headers["content-type"] == "application/problem+json"
        assert gateway.database.value(pending) == 0
        assert len(receiver.requests) == 3


def test_a_job_says_when_its_payload_went(gateway: Gateway) -> None:
    caller = caller_who_keeps(gateway, "full")
    job_id = done(caller, f"a cat {uuid4().hex}")
    before = caller.get(f"/api/jobs/{job_id}").json()
    assert (before["purged_at"], before["input"] is None) == (None, False)
    purge_now(gateway.database, job_id)
    after = caller.get(f"/api/jobs/{job_id}").json()
    assert after["purged_at"] is not None
    assert {after[name] for name in ("prompt", "input", "images", "seed")} == {None}
    same = ("id", "state", "model", "created_at", "completed_at", "cost_usd", "ledger")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    [listed] = caller.get("/api/jobs").json()["items"]
    assert (listed["purged_at"], listed["prompt"]) == (after["purged_at"], None)


def test_a_refusal_that_quotes_the_prompt_is_not_logged_and_goes_as_well(
    start_gateway: StartGateway, on_exit: ExitStack, prompt: str
) -> None:
    detail = [{"loc": ["body", "prompt"], "msg": f"not {prompt}", "type": "content_policy_violation"}]
    body = orjson.dumps({"detail": detail})
    head = f"HTTP/1.1 422 Unprocessable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    upstream = on_exit.enter_context(scripted(f"{head}Connection: close\r\n\r\n".encode() + body))
    gateway = start_gateway(upstream_url=upstream.address, log_level="debug", result_grace_seconds="1")
    caller = gateway.caller()
    refused = caller.submit(prompt)
    assert (refused.status_code, prompt in refused.text) == (422, True)
    job_id = refused.headers["x-fal-request-id"]
    assert prompt in str(gateway.database.rows("SELECT error FROM jobs"))
    assert prompt in str(gateway.database.rows("SELECT note FROM ledger"))
    assert f'"{job_id}"' in gateway.process.log()
    assert prompt not in gateway.process.log()
    purge_now(gateway.database, job_id)
    for table in ("jobs", "job_events", "ledger", "job_inputs", "job_results"):
        assert prompt not in str(gateway.database.rows(f"SELECT * FROM {table}"))
    until(lambda: is_expired(caller, job_id))
    status = caller.status(job_id).json()
    assert (status["status"], status["error"], status["error_type"]) == (
        "COMPLETED",
        None,
        "content_policy_violation",
    )


def test_no_prompt_is_in_the_logs(forgetful: tuple[Gateway, Gateway]) -> None:
    gateway = forgetful[0]
    prompt = f"a cat {uuid4().hex}"
    job_id = done(caller_who_keeps(gateway, "none"), prompt)
    end = (job_id, "succeeded")
    until(lambda: end in [(line["job_id"], line["state"]) for line in gateway.process.events("job.moved")])
    assert prompt.rsplit(maxsplit=1)[-1] not in gateway.process.log()
