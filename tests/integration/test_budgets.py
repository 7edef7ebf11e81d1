"""Money: reserved before anything is sent, settled to what was made, and never above a limit."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.accounts import NOTHING, Account, differences
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.waiting import until

# A million pixels: one image costs 0.025 USD.
MEGAPIXEL = {"width": 1000, "height": 1000}
PRICE = 25_000
UNPRICED = "/fal-ai/flux-1/schnell"


@pytest.fixture
def account(gateway: Gateway, caller: Caller) -> Account:
    return Account.of(gateway.database, caller)


def submit_together(addresses: list[str], key: str, prompt: str, number: int) -> Counter[int]:
    """The status codes of so many submits that are all under way at once."""

    async def run() -> Counter[int]:
        limits = httpx.Limits(max_connections=number)
        headers = {"authorization": f"Bearer {key}"}
        body = {"prompt": prompt, "image_size": MEGAPIXEL}
        async with httpx.AsyncClient(limits=limits, headers=headers, trust_env=False, timeout=60) as client:
            calls = (client.post(addresses[n % len(addresses)] + DEV, json=body) for n in range(number))
            answers = await asyncio.gather(*calls)
        return Counter(answer.status_code for answer in answers)

    return asyncio.run(run())


@pytest.mark.parametrize("replicas", [1, 3])
def test_of_200_at_once_as_many_are_sent_as_the_budget_pays_for(
    start_gateway: StartGateway, simulator: Simulator, prompt: str, replicas: int
) -> None:
    gateways = [start_gateway() for _ in range(replicas)]
    caller = gateways[0].caller()
    account = Account.of(gateways[0].database, caller)
    account.limit_team(budget_micros=7 * PRICE)
    slow = f"{prompt} [slow 120]"
    codes = submit_together([gateway.address for gateway in gateways], caller.key, slow, 200)
    assert codes == {200: 7, 402: 193}
    assert len(simulator.accepted(slow)) == 7
    assert account.team() == {"reserved_micros": 7 * PRICE, "spent_micros": 0, "images": 7, "in_flight": 7}
    assert gateways[0].database.count_jobs() == 7


def test_a_refusal_says_what_is_left_and_when_there_is_more(
    caller: Caller, account: Account, simulator: Simulator, prompt: str
) -> None:
    account.limit_team(budget_micros=PRICE * 3 // 2, budget_period="day")
    assert caller.submit(prompt, image_size=MEGAPIXEL).status_code == 200
    other = f"{prompt} again"
    refusal = caller.submit(other, image_size=MEGAPIXEL)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")
    assert refusal.status_code == 402
    assert refusal.headers["x-fal-error-type"] == "budget_exceeded"
    body = refusal.json()
    assert {**body, "detail": ""} == {
        "detail": "",
        "error_type": "budget_exceeded",
        "scope": "team",
        "limit_usd": "0.037500",
        "left_usd": "0.012500",
        "resets_at": tomorrow,
    }
    assert "0.012500" in body["detail"]
    assert simulator.accepted(other) == []
    statement = "SELECT count(*) FROM job_inputs WHERE prompt = $1"
    assert account.database.value(statement, other) == 0


ENDS = {
    "made": ("", PRICE, "charge"),
    "failed with a server error": ("[fail 500]", 0, "release"),
    "failed at its input": ("[fail 422]", 0, "release"),
    "failed and billed": ("[fail 422 billed]", PRICE, "charge"),
    "refused": ("[submit 422]", 0, "release"),
    "upstream refuses us": ("[submit 401]", 0, "release"),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_job_costs_what_was_made_and_gives_back_the_rest(
    caller: Caller, account: Account, prompt: str, end: str
) -> None:
    words, cost, kind = ENDS[end]
    account.limit_team(budget_micros=10 * PRICE)
    answer = caller.submit(f"{prompt} {words}", image_size=MEGAPIXEL)
    job_id = answer.headers["x-fal-request-id"]
    until(lambda: account.team()["in_flight"] == 0)
    assert (
        account.team()
        == account.key()
        == NOTHING
        | {
            "spent_micros": cost,
            "images": 1 if end == "made" else 0,
        }
    )
    assert account.ledger(job_id) == [("reserve", PRICE, 0), (kind, -PRICE, cost)]
    assert account.database.job(job_id)["cost_micros"] == cost


def test_what_is_charged_follows_the_pictures_that_were_made(
    caller: Caller, account: Account, prompt: str
) -> None:
    job_id = caller.job(prompt, image_size="square_hd", num_images=4)
    assert account.ledger(job_id)[0] == ("reserve", 104_858, 0)
    caller.wait(job_id)
    until(lambda: account.team()["spent_micros"] == 104_858)
    job = account.database.job(job_id)
    assert (job["images"], job["price_basis"], job["price_micros"], job["price_version"]) == (
        4,
        "megapixel",
        PRICE,
        1,
    )


def test_a_cancelled_job_gives_everything_back(caller: Caller, account: Account, prompt: str) -> None:
    job_id = caller.job(f"{prompt} [queue 120]", image_size=MEGAPIXEL)
    assert account.team()["in_flight"] == 1
    assert caller.cancel(job_id).status_code == 200
    assert account.team() == account.key() == NOTHING
    assert account.ledger(job_id) == [("reserve", PRICE, 0), ("release", -PRICE, 0)]


def test_the_money_of_a_lost_job_stays_charged(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway(unknown_patience_seconds="1")
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    job_id = caller.job(f"{prompt} [submit reset]", image_size=MEGAPIXEL)
    gateway.database.wait(job_id, "lost")
    assert account.team() == NOTHING | {"spent_micros": PRICE}
    assert account.ledger(job_id) == [("reserve", PRICE, 0), ("charge", -PRICE, PRICE)]


@pytest.mark.parametrize("tighter", ["team", "key"])
def test_the_lowest_limit_wins_and_nothing_is_reserved_in_part(
    caller: Caller, account: Account, prompt: str, tighter: str
) -> None:
    limits = {"team": account.limit_team, "key": account.limit_key}
    for scope, limit in limits.items():
        limit(budget_micros=PRICE if scope == tighter else 10 * PRICE)
    assert caller.submit(f"{prompt} [slow 120]", image_size=MEGAPIXEL).status_code == 200
    before = account.team(), account.key()
    refusal = caller.submit(prompt, image_size=MEGAPIXEL)
    assert (refusal.status_code, refusal.json()["scope"]) == (402, tighter)
    assert (account.team(), account.key()) == before


def test_jobs_in_flight_are_limited_until_one_ends(caller: Caller, account: Account, prompt: str) -> None:
    account.limit_key(max_in_flight=2)
    first, _ = (caller.job(f"{prompt} [queue 120]") for _ in range(2))
    refusal = caller.submit(prompt)
    assert (refusal.status_code, refusal.json()["error_type"]) == (429, "too_many_in_flight")
    assert int(refusal.headers["retry-after"]) > 0
    assert caller.cancel(first).status_code == 200
    assert caller.submit(prompt).status_code == 200


def test_a_crash_leaks_no_slot_and_no_money(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    account.limit_key(max_in_flight=3)
    for _ in range(3):
        caller.job(f"{prompt} [slow 1]", image_size=MEGAPIXEL)
    gateway.process.kill()
    start_gateway(upstream=upstream)
    until(lambda: account.key()["in_flight"] == 0)
    assert account.key() == NOTHING | {"spent_micros": 3 * PRICE, "images": 3}
    assert differences(gateway.database) == []


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_new_window_begins_empty_and_takes_nothing_from_jobs_of_the_old(
    start_gateway: StartGateway, prompt: str, period: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    account.limit_team(budget_micros=PRICE, budget_period=period)
    old = caller.job(f"{prompt} [queue 120]", image_size=MEGAPIXEL)
    assert caller.submit(prompt, image_size=MEGAPIXEL).status_code == 402
    back = "UPDATE allowances SET window_start = window_start - interval '32 days'"
    gateway.database.rows(f"{back} WHERE window_start > '-infinity'")
    gateway.database.rows("UPDATE jobs SET created_at = created_at - interval '32 days'")

    new = caller.job(f"{prompt} [slow 120]", image_size=MEGAPIXEL)
    assert account.team()["reserved_micros"] == PRICE
    assert caller.cancel(old).status_code == 200
    assert account.team() == {"reserved_micros": PRICE, "spent_micros": 0, "images": 1, "in_flight": 1}
    assert caller.submit(prompt, image_size=MEGAPIXEL).status_code == 402
    assert account.database.job(new)["reserved_micros"] == PRICE


def test_a_model_without_a_price_is_refused_where_money_is_limited(
    caller: Caller, account: Account, simulator: Simulator, prompt: str
) -> None:
    account.limit_key(budget_micros=10**12)
    refusal = caller.submit(prompt, UNPRICED)
    assert (refusal.status_code, refusal.json()["error_type"]) == (402, "budget_exceeded")
    assert "price" in refusal.json()["detail"]
    assert simulator.accepted(prompt) == []


def test_a_model_without_a_price_costs_null_and_not_zero(
    caller: Caller, account: Account, gateway: Gateway, prompt: str
) -> None:
    before = gateway.metric("fluxgate_jobs_unpriced_total")
    job_id = caller.job(prompt, UNPRICED)
    caller.wait(job_id)
    until(lambda: account.team()["in_flight"] == 0)
    assert account.database.job(job_id)["cost_micros"] is None
    assert account.ledger(job_id) == [("reserve", None, None), ("charge", None, None)]
    until(lambda: gateway.metric("fluxgate_jobs_unpriced_total") > before)


def test_the_price_that_a_job_was_reserved_at_is_the_one_it_is_charged_at(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    job_id = caller.job(f"{prompt} [slow 8]", image_size=MEGAPIXEL)
    # Nobody finds its end before the other price counts, which takes up to five seconds.
    put_off = "UPDATE work SET due_at = now() + interval '1 h' WHERE job_id = $1 AND NOT is_leased"
    until(lambda: gateway.database.rows(f"{put_off} RETURNING 1", UUID(job_id)))
    rules = '[{"model": "*", "per": "image", "usd": "9"}]'
    gateway.database.rows("INSERT INTO price_versions (rules) VALUES ($1)", rules)

    def charged_anew() -> bool:
        newer = caller.job(prompt, image_size=MEGAPIXEL)
        return bool(account.database.job(newer)["price_version"] == 2)

    until(charged_anew)
    gateway.database.rows("UPDATE work SET due_at = now() WHERE job_id = $1", UUID(job_id))
    gateway.database.wait(job_id, "succeeded")
    assert account.ledger(job_id) == [("reserve", PRICE, 0), ("charge", -PRICE, PRICE)]


def test_the_counters_of_everything_here_agree_with_the_ledger(
    start_gateway: StartGateway, prompt: str
) -> None:
    """On a database of its own: other tests make up jobs that nobody has counted."""
    gateway = start_gateway()
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    for words, _, _ in ENDS.values():
        caller.submit(f"{prompt} {words}", image_size=MEGAPIXEL)
    caller.job(prompt, UNPRICED)
    assert caller.cancel(caller.job(f"{prompt} [queue 120]", image_size=MEGAPIXEL)).status_code == 200
    caller.job(f"{prompt} [slow 120]", image_size=MEGAPIXEL)
    until(lambda: account.team()["in_flight"] == 1)
    assert account.team()["spent_micros"] == sum(cost for _, cost, _ in ENDS.values())
    assert differences(gateway.database) == []


def test_a_model_outside_the_list_is_refused_and_nothing_is_sent(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    for table, row_id, globs in (
        ("teams", account.team_id, ["fal-ai/flux-1/*", "fal-ai/flux-pro/*"]),
        ("api_keys", account.key_id, ["fal-ai/flux-1/dev"]),
    ):
        gateway.database.rows(f"UPDATE {table} SET models = $1 WHERE id = $2", globs, row_id)
    assert caller.submit(prompt).status_code == 200
    for model in ("/fal-ai/flux-1/schnell", "/fal-ai/flux-pro/v1.1"):
        refusal = caller.submit(f"{prompt} not", model)
        assert (refusal.status_code, refusal.json()["error_type"]) == (403, "model_not_allowed")
    assert simulator.accepted(f"{prompt} not") == []


def test_a_recording_that_is_not_confirmed_in_time_is_undone(
    start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    """The commit happens although the gateway has given up waiting for it."""
    gateway = start_gateway(database_timeout_seconds="4")
    caller = gateway.caller()
    account = Account.of(gateway.database, caller)
    for statement in (
        """CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_sleep(30);
                RETURN NULL;
            EXCEPTION WHEN query_canceled THEN
                RETURN NULL;
            END $$""",
        "CREATE TRIGGER stall AFTER INSERT ON job_inputs FOR EACH ROW EXECUTE FUNCTION stall()",
    ):
        gateway.database.rows(statement)
    # Who asks is known by now, and a database that stands still here is too late for the recording alone.
    until(lambda: caller.get("/api/me").status_code == 200)
    answer = caller.submit(prompt, image_size=MEGAPIXEL)
    assert (answer.status_code, answer.json()["error_type"]) == (503, "storage_unavailable")
    statement = "SELECT state FROM jobs WHERE team_id = $1"
    until(lambda: gateway.database.rows(statement, account.team_id) == [{"state": "failed"}])
    assert account.team() == NOTHING
    assert simulator.accepted(prompt) == []
