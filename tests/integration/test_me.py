"""`GET /api/me`: what a credential may do, has spent, and has left in the present window."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.caller import Caller
from tests.support.clocks import until_today_has_room
from tests.support.gateway import Gateway, serve_alone
from tests.support.history import Team, make_team
from tests.support.simulator import Simulator
from tests.support.stores import Stores

CHANGE = """
    UPDATE allowances SET budget_micros = $2, budget_period = $3, max_in_flight = $4, reserved_micros = $5,
        spent_micros = $6, in_flight = $7, window_start = $8 WHERE scope_id = $1
"""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


def told(gateway: Gateway, secret: str) -> dict[str, Any]:
    with gateway.caller(secret) as caller:
        answer = caller.get("/api/me")
    assert answer.status_code == 200, answer.text
    me: dict[str, Any] = answer.json()
    return me


@pytest.fixture(scope="module")
def gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """One of these tests' own: what they write into its counters is true of no job."""
    with serve_alone(stores, simulator, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def _same_day() -> None:
    until_today_has_room()


@pytest.fixture
def team(gateway: Gateway) -> Team:
    return make_team(gateway.database)


def test_without_limits_everything_is_told_and_nothing_is_scarce(gateway: Gateway, team: Team) -> None:
    nothing = {
        "requests_per_minute": None,
        "max_in_flight": None,
        "in_flight": 0,
        "max_images": None,
        "images": 0,
        "budget": {
            "limit_usd": None,
            "period": "month",
            "spent_usd": "0.000000",
            "reserved_usd": "0.000000",
            "left_usd": None,
            "resets_at": next_month().isoformat().replace("+00:00", "Z"),
        },
    }
    assert told(gateway, team.secret) == {
        "kind": "key",
        "id": str(team.keys[0].id),
        "name": "key 0",
        "team": team.name,
        "end_user": None,
        "models": None,
        "limits": {"key": nothing, "team": nothing},
        "left_usd": None,
    }


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def month() -> datetime:
    return midnight().replace(day=1)


def next_month() -> datetime:
    return (month() + timedelta(days=32)).replace(day=1)


Window = tuple[tuple[int | None, str, int, int, datetime], tuple[int, int, int | None, datetime | None]]


def windows() -> dict[str, Window]:
    """Budget, period, spent, reserved, since when; what is told as spent, reserved and left, until when."""
    today, tomorrow = midnight(), midnight() + timedelta(days=1)
    return {
        "this month": ((100, "month", 30, 20, month()), (30, 20, 50, next_month())),
        "last month": ((100, "month", 30, 20, month() - timedelta(days=1)), (0, 0, 100, next_month())),
        "never used": ((100, "month", 30, 20, EVER), (0, 0, 100, next_month())),
        "today": ((100, "day", 100, 0, today), (100, 0, 0, tomorrow)),
        "yesterday": ((100, "day", 9, 9, today - timedelta(days=1)), (0, 0, 100, tomorrow)),
        "ever": ((100, "total", 30, 20, EVER), (30, 20, 50, None)),
        "more than there was": ((100, "total", 130, 0, EVER), (130, 0, 0, None)),
        "nothing allowed": ((0, "total", 0, 0, EVER), (0, 0, 0, None)),
        "no limit": ((None, "total", 5, 6, EVER), (5, 6, None, None)),
    }


@pytest.mark.parametrize("name", windows())
def test_what_is_used_is_that_of_the_present_window(gateway: Gateway, team: Team, name: str) -> None:
    (budget, period, spent, reserved, since), expected = windows()[name]
    gateway.database.rows(CHANGE, team.keys[0].id, budget, period, 3, reserved, spent, 2, since)
    me = told(gateway, team.secret)
    shown = me["limits"]["key"]["budget"]
    amounts = [None if micros is None else f"0.{micros:06}" for micros in expected[:3]]
    assert [shown["spent_usd"], shown["reserved_usd"], shown["left_usd"]] == amounts
    assert me["left_usd"] == amounts[2]
    resets_at = shown["resets_at"] and datetime.fromisoformat(shown["resets_at"])
    assert resets_at == expected[3]
    assert (me["limits"]["key"]["in_flight"], me["limits"]["key"]["max_in_flight"]) == (2, 3)


@pytest.mark.parametrize(
    ("key", "of_team", "left"), [(100, 70, 70), (50, 70, 50), (None, 70, 70), (80, None, 80)]
)
def test_the_lowest_budget_is_what_is_left(
    gateway: Gateway, team: Team, key: int | None, of_team: int | None, left: int
) -> None:
    for scope_id, budget in ((team.keys[0].id, key), (team.id, of_team)):
        gateway.database.rows(CHANGE, scope_id, budget, "month", None, 0, 0, 0, month())
    me = told(gateway, team.secret)
    assert me["left_usd"] == f"0.{left:06}"
    budgets = [me["limits"][scope]["budget"]["limit_usd"] for scope in ("key", "team")]
    assert budgets == [None if micros is None else f"0.{micros:06}" for micros in (key, of_team)]


def test_rates_and_models_are_told(gateway: Gateway, team: Team) -> None:
    key_id = team.keys[0].id
    gateway.database.rows(
        "UPDATE teams SET requests_per_minute = 60, models = '{fal-ai/*}' WHERE id = $1", team.id
    )
    gateway.database.rows(
        "UPDATE api_keys SET requests_per_minute = 7, models = '{fal-ai/flux-1/*}' WHERE id = $1", key_id
    )
    me = told(gateway, team.secret)
    assert me["models"] == ["fal-ai/flux-1/*"]
    assert [me["limits"][scope]["requests_per_minute"] for scope in ("key", "team")] == [7, 60]


def test_a_browser_token_is_told_its_own_limits_and_what_is_left(gateway: Gateway, team: Team) -> None:
    gateway.database.rows(CHANGE, team.id, 1_000_000, "month", 9, 0, 960_000, 4, month())
    asked = {
        "ttl_seconds": 60,
        "max_images": 5,
        "max_cost_usd": "0.5",
        "end_user": "ann",
        "models": ["fal-ai/*"],
    }
    with gateway.caller(team.secret) as caller:
        minted = caller.post("/api/tokens", json=asked).json()
    with Caller(gateway.address, minted["token"]) as browser:
        me = browser.get("/api/me").json()
    assert (me["kind"], me["team"], me["end_user"], me["models"]) == ("token", team.name, "ann", ["fal-ai/*"])
    assert set(me["limits"]) == {"token"}
    assert (me["limits"]["token"]["max_images"], me["limits"]["token"]["budget"]["limit_usd"]) == (
        5,
        "0.500000",
    )
    assert me["left_usd"] == "0.040000"


def test_it_takes_no_parameters_and_a_credential(gateway: Gateway, team: Team) -> None:
    assert gateway.get("/api/me").status_code == 401
    with gateway.caller(team.secret) as caller:
        assert caller.get("/api/me?team=x").status_code == 422


def test_what_a_job_uses_is_seen_at_once(gateway: Gateway, team: Team, prompt: str) -> None:
    with gateway.caller(team.secret) as caller:
        job_id = caller.job(f"{prompt} [slow 60]")
        before = caller.get("/api/me").json()["limits"]
        caller.wait(caller.job(prompt))
        after = caller.get("/api/me").json()["limits"]
        caller.cancel(job_id)
    for scope in ("key", "team"):
        assert (before[scope]["in_flight"], after[scope]["in_flight"]) == (1, 1)
        assert before[scope]["budget"]["spent_usd"] == "0.000000" < before[scope]["budget"]["reserved_usd"]
        assert after[scope]["budget"]["spent_usd"] > "0.000000"
