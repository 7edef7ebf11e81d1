"""The routes of administration: who may use them, what they take, and what comes of it."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pytest

from app.callers.key_material import is_well_formed, new_key
from tests.conftest import StartGateway
from tests.support.accounts import Account, differences
from tests.support.caller import DEV, Caller
from tests.support.gateway import Gateway, serve_alone
from tests.support.operators import Operator, operator_of
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.waiting import until, until_over

NOBODY = "0190a0b0-0000-7000-8000-000000000000"
NO_JOB = f"{DEV}/requests/{NOBODY}/status"
# The database's word on a key is believed for five seconds; the rest is the test's own time.
DEAD_SECONDS = 7

ROUTES = [
    ("GET", "/api/admin/teams"),
    ("POST", "/api/admin/teams"),
    ("GET", f"/api/admin/teams/{NOBODY}"),
    ("PATCH", f"/api/admin/teams/{NOBODY}"),
    ("DELETE", f"/api/admin/teams/{NOBODY}"),
    ("GET", "/api/admin/keys"),
    ("POST", "/api/admin/keys"),
    ("GET", f"/api/admin/keys/{NOBODY}"),
    ("PATCH", f"/api/admin/keys/{NOBODY}"),
    ("DELETE", f"/api/admin/keys/{NOBODY}"),
    ("POST", f"/api/admin/keys/{NOBODY}/rotate"),
    ("GET", "/api/admin/audit"),
    ("GET", "/api/admin/audit/verify"),
    ("GET", "/api/admin/unknown"),
    ("GET", f"/api/admin/unknown/{NOBODY}"),
    ("POST", f"/api/admin/unknown/{NOBODY}"),
    ("POST", f"/api/admin/unknown/{NOBODY}/bind"),
    ("POST", f"/api/admin/unknown/{NOBODY}/resubmit"),
]
TEAM_FIELDS = {
    "id",
    "name",
    "created_at",
    "expires_at",
    "revoked_at",
    "requests_per_minute",
    "max_in_flight",
    "budget_usd",
    "budget_period",
    "models",
    "spent_usd",
    "reserved_usd",
    "left_usd",
    "window_resets_at",
    "in_flight",
}
POLICY_FIELDS = {"privacy", "payload_days", "job_days", "image_days", "keeps_images", "rewrites_urls"}
LIMITS = {
    "requests_per_minute": 60,
    "max_in_flight": 5,
    "budget_usd": "12.500000",
    "budget_period": "day",
    "models": ["fal-ai/flux-1/*"],
    "expires_at": "2999-01-01T00:00:00Z",
}


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


def answer_to(gateway: Gateway, method: str, path: str, *credentials: str) -> httpx.Response:
    headers = [("authorization", credential) for credential in credentials]
    body: dict[str, object] | None = {} if method in ("POST", "PATCH") else None
    return httpx.request(
        method, f"{gateway.address}{path}", headers=headers, json=body, trust_env=False, timeout=60
    )


# Who is let in


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_only_the_admin_key_is_let_in(
    gateway: Gateway, operator: Operator, caller: Caller, method: str, path: str
) -> None:
    admin_key = operator.headers["authorization"].removeprefix("Bearer ")
    token = caller.post("/api/tokens", json={}).json()["token"]
    nobody = {
        "none": [],
        "wrong": ["Bearer fga_wrong"],
        "nothing": ["Bearer"],
        "unknown key": [f"Bearer {new_key()}"],
        "another scheme": [f"Basic {admin_key}"],
        "no scheme": [admin_key],
        "longer": [f"Bearer {admin_key}x"],
        "two": [f"Bearer {admin_key}", f"Bearer {admin_key}"],
    }
    for name, credentials in nobody.items():
        refused = answer_to(gateway, method, path, *credentials)
        assert (refused.status_code, refused.json()["error_type"]) == (401, "unauthorized"), name
        assert refused.headers["www-authenticate"] == "Bearer"
        assert admin_key not in refused.text
    for credential in (caller.key, token):
        refused = answer_to(gateway, method, path, f"Bearer {credential}")
        assert (refused.status_code, refused.json()["error_type"]) == (403, "forbidden")
        assert refused.headers["content-type"] == "application/problem+json"
    for scheme in ("Bearer", "key", "KEY"):
        assert answer_to(gateway, method, path, f"{scheme} {admin_key}").status_code in (200, 404, 422)


def test_the_admin_key_is_no_callers_key(gateway: Gateway, operator: Operator) -> None:
    refused = gateway.get(NO_JOB, headers={"authorization": operator.headers["authorization"]})
    assert refused.status_code == 401


def test_an_admin_key_of_the_settings_is_the_only_one(start_gateway: StartGateway) -> None:
    first = start_gateway()
    with operator_of(first) as made:
        assert made.get("/teams").status_code == 200
        second = start_gateway(admin_key="any-opaque-text")
        assert "Admin key" not in second.process.log()
        with Operator(second.address, "any-opaque-text") as configured:
            assert configured.get("/teams").status_code == 200
        made_key = made.headers["authorization"]
        assert answer_to(second, "GET", "/api/admin/teams", made_key).status_code == 401
        assert answer_to(first, "GET", "/api/admin/teams", "Bearer any-opaque-text").status_code == 401


# Teams and keys


def test_a_team_and_its_key_from_creation_to_revocation(gateway: Gateway, operator: Operator) -> None:
    team = operator.team(**LIMITS)
    assert team.keys() == TEAM_FIELDS | POLICY_FIELDS
    assert {name: team[name] for name in LIMITS} == LIMITS
    assert (team["spent_usd"], team["reserved_usd"], team["left_usd"]) == (
        "0.000000",
        "0.000000",
        "12.500000",
    )
    assert team["window_resets_at"].endswith("T00:00:00Z")
    assert operator.get(f"/teams/{team['id']}").json() == team

    key = operator.key(team["name"], **LIMITS)
    assert key.keys() == TEAM_FIELDS | {
        "key",
        "team",
        "team_id",
        "hint",
        "previous_expires_at",
        "team_revoked_at",
        "team_expires_at",
    }
    assert (key["team"], key["team_id"], key["hint"]) == (team["name"], team["id"], key["key"][-4:])
    assert is_well_formed(key["key"])
    assert gateway.caller(key["key"]).get(NO_JOB).status_code == 404
    shown = operator.get(f"/keys/{key['id']}")
    assert shown.json() == {name: value for name, value in key.items() if name != "key"}
    assert shown.headers["cache-control"] == "no-store"
    rows = "SELECT scope, budget_micros, budget_period, max_in_flight FROM allowances WHERE scope_id = $1"
    for scope, one in (("team", team), ("key", key)):
        [row] = gateway.database.rows(rows, UUID(one["id"]))
        assert tuple(row.values()) == (scope, 12_500_000, "day", 5)

    revoked = operator.delete(f"/keys/{key['id']}").json()
    assert revoked["revoked_at"] is not None
    assert operator.delete(f"/keys/{key['id']}").json() == revoked


def test_only_what_is_given_is_changed_and_null_takes_a_limit_away(operator: Operator) -> None:
    team = operator.team(**LIMITS)
    key = operator.key(team["name"], **LIMITS)
    for one, path in ((team, f"/teams/{team['id']}"), (key, f"/keys/{key['id']}")):
        name = f"renamed {uuid4()}"
        changed = operator.patch(path, json={"name": name, "requests_per_minute": None}).json()
        assert changed | {"name": 0} == {
            **{field: value for field, value in one.items() if field != "key"},
            "name": 0,
            "requests_per_minute": None,
            **({} if one is team else {name: changed[name] for name in ("team", "team_expires_at")}),
        }
        assert changed["name"] == name
        nothing = {"max_in_flight": None, "budget_usd": None, "models": None, "expires_at": None}
        changed = operator.patch(path, json=nothing).json()
        assert {field: changed[field] for field in nothing} == nothing
        assert changed["left_usd"] is None
        assert operator.patch(path, json={}).json() == changed
        assert operator.get(path).json() == changed


def test_a_new_team_has_no_limits(operator: Operator) -> None:
    team = operator.team()
    assert {team[name] for name in LIMITS if name != "budget_period"} == {None}
    assert (team["budget_period"], team["left_usd"]) == ("month", None)


@pytest.mark.parametrize("path", ["/teams", "/keys", "/unknown"])
@pytest.mark.parametrize("name", [NOBODY, "x", f"{NOBODY}0", "{" + NOBODY + "}", "%00", "a" * 5000])
def test_what_is_not_there_is_not_found(operator: Operator, path: str, name: str) -> None:
    body = {"cost_usd": "0"} if path == "/unknown" else {}
    method = "POST" if path == "/unknown" else "PATCH"
    answer = operator.request(method, f"{path}/{name}", json=body)
    assert answer.status_code == (400 if name == "%00" else 404)
    if path != "/unknown":
        assert operator.get(f"{path}/{name}").status_code == answer.status_code
        assert operator.delete(f"{path}/{name}").status_code == answer.status_code


def test_a_key_of_no_team_is_not_made(operator: Operator) -> None:
    assert operator.post("/keys", json={"team": "nobody at all", "name": "x"}).status_code == 404
    team = operator.team()
    assert operator.delete(f"/teams/{team['id']}").status_code == 200
    refused = operator.post("/keys", json={"team": team["name"], "name": "x"})
    assert (refused.status_code, refused.json()["error_type"]) == (409, "conflict")


def test_a_team_can_be_named_by_its_id(operator: Operator) -> None:
    team = operator.team()
    assert operator.key(team["id"])["team"] == team["name"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{}", "{}"),
        ("{} ﬁne", "{} fine"),
        ("{} \uff21", "{} A"),
        ("{} cafe\u0301", "{} café"),
        ("{}", "  {} "),
        ("{} x", "{}\u00a0x"),
    ],
)
def test_names_that_are_one_to_unicode_are_one(operator: Operator, one: str, other: str) -> None:
    word = str(uuid4())
    assert operator.post("/teams", json={"name": one.format(word)}).status_code == 201
    refused = operator.post("/teams", json={"name": other.format(word)})
    assert (refused.status_code, refused.json()["error_type"]) == (409, "conflict")
    renamed = operator.patch(f"/teams/{operator.team()['id']}", json={"name": other.format(word)})
    assert renamed.status_code == 409


def test_of_ten_who_want_one_name_one_gets_it(operator: Operator) -> None:
    name = f"wanted {uuid4()}"
    others = [operator.team()["id"] for _ in range(5)]
    with ThreadPoolExecutor(10) as pool:
        made = [pool.submit(operator.post, "/teams", json={"name": name}) for _ in range(5)]
        made += [pool.submit(operator.patch, f"/teams/{team_id}", json={"name": name}) for team_id in others]
        codes = sorted(call.result().status_code for call in made)
    assert codes[1:] == [409] * 9
    assert codes[0] in (200, 201)


# What is refused


WRONG: Mapping[str, Mapping[str, object]] = {
    "an unknown field": {"budget": "1.00"},
    "a field of the tables": {"budget_micros": 5},
    "a counter": {"spent_usd": "0.00"},
    "revoked_at": {"revoked_at": None},
    "name null": {"name": None},
    "name a number": {"name": 5},
    "name empty": {"name": ""},
    "name blank": {"name": " \t\u00a0"},
    "name of 10 kB": {"name": "x" * 10_000},
    "name of 101 characters": {"name": "x" * 101},
    "name that grows under NFKC": {"name": "\ufdfa" * 30},
    "name with RTL override": {"name": "abc\u202egnp.exe"},
    "name with a zero-width space": {"name": "a\u200bb"},
    "name with NUL": {"name": "a\0b"},
    "name with a newline": {"name": "a\nb"},
    "name with an escape": {"name": "a\x1b[31mb"},
    "name with a line separator": {"name": "a\u2028b"},
    "rpm zero": {"requests_per_minute": 0},
    "rpm negative": {"requests_per_minute": -1},
    "rpm too large": {"requests_per_minute": 1_000_001},
    "rpm a text": {"requests_per_minute": "5"},
    "rpm a fraction": {"requests_per_minute": 1.5},
    "rpm 5.0": {"requests_per_minute": 5.0},
    "rpm true": {"requests_per_minute": True},
    "in flight zero": {"max_in_flight": 0},
    "in flight 2^31": {"max_in_flight": 2**31},
    "in flight a list": {"max_in_flight": [5]},
    "budget a truth": {"budget_usd": True},
    "budget a list": {"budget_usd": [1]},
    "budget a number with seven places": {"budget_usd": 0.0000001},
    "budget negative": {"budget_usd": "-1"},
    "budget with an exponent": {"budget_usd": "1e3"},
    "budget with seven places": {"budget_usd": "0.0000001"},
    "budget NaN": {"budget_usd": "NaN"},
    "budget with a currency": {"budget_usd": "$5"},
    "budget of a trillion": {"budget_usd": "1000000000000"},
    "budget in other digits": {"budget_usd": "٣"},
    "period unknown": {"budget_period": "week"},
    "period null": {"budget_period": None},
    "period in capitals": {"budget_period": "DAY"},
    "models a text": {"models": "fal-ai/*"},
    "models empty": {"models": []},
    "models of numbers": {"models": [5]},
    "models with an empty one": {"models": [""]},
    "models with a space": {"models": ["fal-ai/flux 1"]},
    "models with a newline": {"models": ["fal-ai/flux\n"]},
    "51 models": {"models": ["*"] * 51},
    "a long model": {"models": ["x" * 201]},
    "expiry in the past": {"expires_at": "2020-01-01T00:00:00Z"},
    "expiry without a zone": {"expires_at": "2999-01-01T00:00:00"},
    "expiry a number": {"expires_at": 32503680000},
    "expiry in year 0": {"expires_at": "0000-01-01T00:00:00Z"},
    "expiry on 30 February": {"expires_at": "2999-02-30T00:00:00Z"},
    "expiry with a wild zone": {"expires_at": "2999-01-01T00:00:00+25:00"},
    "expiry at second 60": {"expires_at": "2999-01-01T00:00:60Z"},
    "expiry at 24:00": {"expires_at": "2999-01-01T24:00:00Z"},
}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_field_is_named_and_nothing_is_changed(
    gateway: Gateway, operator: Operator, name: str
) -> None:
    team, wrong = operator.team(), WRONG[name]
    key = operator.key(team["name"])
    key_before, rows = operator.get(f"/keys/{key['id']}").json(), count_rows(gateway)
    [field] = wrong
    answers = [
        operator.post("/teams", json={"name": f"team {uuid4()}", **wrong}),
        operator.post("/keys", json={"team": team["name"], "name": "x", **wrong}),
        operator.patch(f"/teams/{team['id']}", json=wrong),
        operator.patch(f"/keys/{key['id']}", json=wrong),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_input"), answer.text
        [problem] = answer.json()["errors"]
        assert problem["loc"][:2] == ["body", field]
        assert len(answer.content) < 1500
    assert operator.get(f"/teams/{team['id']}").json() == team
    assert operator.get(f"/keys/{key['id']}").json() == key_before
    assert count_rows(gateway) == rows


def count_rows(gateway: Gateway) -> list[int]:
    tables = ("teams", "api_keys", "allowances", "audit_trail")
    return [gateway.database.value(f"SELECT count(*) FROM {table}") for table in tables]


def test_every_wrong_field_is_named_at_once(operator: Operator) -> None:
    answer = operator.post("/teams", json={"max_in_flight": 0, "budget_usd": {}, "colour": "red"})
    assert {problem["loc"][1] for problem in answer.json()["errors"]} == {
        "name",
        "max_in_flight",
        "budget_usd",
        "colour",
    }


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"name": "a", "name": "b"}', "application/json", 400),
        (b'{"name": "a"}', "text/plain", 415),
        (b'{"name": "' + b"x" * 70_000 + b'"}', "application/json", 413),
    ],
)
def test_a_body_that_is_no_object_is_refused(
    operator: Operator, body: bytes, content_type: str, status: int
) -> None:
    answer = operator.post("/teams", content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=ten", "limit=1.5", "limit=", "sort=name", "limit=1&limit=2", "cursor="],
)
@pytest.mark.parametrize("path", ["/teams", "/keys", "/audit", "/unknown"])
def test_a_query_that_is_none_is_refused(operator: Operator, path: str, query: str) -> None:
    assert operator.get(f"{path}?{query}").status_code == 422


# Listings


def test_pages_hold_every_key_once(operator: Operator) -> None:
    team = operator.team()
    made = [operator.key(team["name"])["id"] for _ in range(5)]
    params = {"team": team["name"], "limit": "2"}
    found: list[str] = []
    sizes = []
    while True:
        page = operator.get("/keys", params=params).json()
        found += [item["id"] for item in page["items"]]
        sizes.append(len(page["items"]))
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
    assert (found, sizes) == (made, [2, 2, 1])
    assert operator.get("/keys", params={"team": team["id"]}).json()["items"][0]["id"] == made[0]
    assert operator.get("/keys", params={"team": "nobody at all"}).status_code == 404


def test_a_cursor_fits_its_own_listing_alone(operator: Operator) -> None:
    team = operator.team()
    for _ in range(2):
        operator.key(team["name"])
    cursor = operator.get("/keys", params={"team": team["name"], "limit": "1"}).json()["next_cursor"]
    for path, params in (
        ("/keys", {}),
        ("/teams", {}),
        ("/audit", {}),
        ("/unknown", {}),
        ("/keys", {"team": operator.team()["name"]}),
    ):
        refused = operator.get(path, params={**params, "cursor": cursor})
        assert (refused.status_code, refused.json()["error_type"]) == (400, "invalid_cursor")
    changed = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    for junk in (changed, cursor + "=", "x", "x" * 10_000):
        refused = operator.get("/keys", params={"team": team["name"], "cursor": junk})
        assert refused.status_code == 400


def test_the_trail_is_listed_newest_first(operator: Operator) -> None:
    operator.team()
    team = operator.team(budget_usd="1")
    operator.patch(f"/teams/{team['id']}", json={"budget_usd": "2"})
    page = operator.get("/audit", params={"limit": "2"}).json()
    changed, created = page["items"]
    assert (changed["action"], created["action"]) == ("team.change", "team.create")
    assert {changed["actor"], created["actor"]} == {"admin key"}
    assert changed["subject_id"] == created["subject_id"] == team["id"]
    assert created["before"] is None
    assert changed["before"] == created["after"]
    assert changed["before"] | {"budget_usd": "2.000000"} == changed["after"]
    rest = operator.get("/audit", params={"limit": "1", "cursor": page["next_cursor"]}).json()["items"]
    assert [item["id"] for item in rest] == [created["id"] - 1]


def test_the_trail_is_checked(operator: Operator) -> None:
    team = operator.team()
    found = operator.get("/audit/verify").json()
    assert (found["is_whole"], found["problems"]) == (True, [])
    operator.delete(f"/teams/{team['id']}")
    again = operator.get("/audit/verify", params={"noted": found["head"]}).json()
    assert (again["is_whole"], again["rows"]) == (True, found["rows"] + 1)
    other = found["head"][:-64] + "0" * 64
    assert operator.get("/audit/verify", params={"noted": other}).json()["is_whole"] is False
    assert operator.get("/audit/verify", params={"noted": "yesterday"}).status_code == 422


# What a change does


def test_a_revoked_key_and_all_keys_of_a_revoked_team_die_within_seconds(
    gateway: Gateway, operator: Operator
) -> None:
    team = operator.team()
    first, second = operator.key(team["name"]), operator.key(team["name"])
    stranger = operator.key(operator.team()["name"])
    callers = [gateway.caller(key["key"]) for key in (first, second, stranger)]
    assert [caller.get(NO_JOB).status_code for caller in callers] == [404, 404, 404]
    operator.delete(f"/keys/{first['id']}")
    until_over(lambda: callers[0].get(NO_JOB).status_code == 404, DEAD_SECONDS)
    assert callers[1].get(NO_JOB).status_code == 404
    assert operator.delete(f"/teams/{team['id']}").json()["revoked_at"] is not None
    until_over(lambda: callers[1].get(NO_JOB).status_code == 404, DEAD_SECONDS)
    assert callers[2].get(NO_JOB).status_code == 404


def test_limits_count_as_soon_as_they_are_set(gateway: Gateway, operator: Operator, prompt: str) -> None:
    team = operator.team(budget_usd="0")
    caller = gateway.caller(operator.key(team["name"])["key"])
    refused = caller.submit(prompt)
    assert (refused.status_code, refused.json()["error_type"]) == (402, "budget_exceeded")
    operator.patch(f"/teams/{team['id']}", json={"budget_usd": "1.00"})
    caller.wait(caller.job(prompt))
    until(lambda: operator.get(f"/teams/{team['id']}").json()["in_flight"] == 0)
    shown = operator.get(f"/teams/{team['id']}").json()
    assert float(shown["spent_usd"]) > 0
    assert float(shown["spent_usd"]) + float(shown["left_usd"]) == pytest.approx(1)


def test_changes_of_the_period_amid_submits_lose_no_count(start_gateway: StartGateway, prompt: str) -> None:
    gateway = start_gateway()
    with operator_of(gateway) as operator:
        team = operator.team()
        key = operator.key(team["name"])
        caller = gateway.caller(key["key"])

        def change(number: int) -> int:
            period = ("day", "month", "total")[number % 3]
            path = f"/teams/{team['id']}" if number % 2 else f"/keys/{key['id']}"
            return operator.patch(path, json={"budget_period": period, "max_in_flight": 500}).status_code

        with ThreadPoolExecutor(8) as pool:
            submits = [pool.submit(caller.job, f"{prompt} {number}") for number in range(60)]
            changes = [pool.submit(change, number) for number in range(60)]
            jobs = [submit.result() for submit in submits]
            assert {one.result() for one in changes} == {200}
        assert differences(gateway.database) == []
        until(lambda: {gateway.database.state(job_id) for job_id in jobs} == {"succeeded"})
        assert differences(gateway.database) == []
        assert operator.get("/audit/verify").json()["is_whole"]


# Jobs that nobody knows the cost of


@pytest.fixture
def lost(start_gateway: StartGateway, prompt: str) -> Iterator[tuple[Gateway, Operator, str]]:
    """A gateway with one lost job, whose full price is charged."""
    gateway = start_gateway(unknown_patience_seconds="1")
    job_id = gateway.caller().job(f"{prompt} [submit reset]")
    gateway.database.wait(job_id, "lost")
    with operator_of(gateway) as operator:
        yield gateway, operator, job_id


def account_of(gateway: Gateway, job_id: str) -> Account:
    job = gateway.database.job(job_id)
    return Account(gateway.database, job["team_id"], job["key_id"])


def test_an_unknown_job_is_listed_until_it_is_settled_once(lost: tuple[Gateway, Operator, str]) -> None:
    gateway, operator, job_id = lost
    account = account_of(gateway, job_id)
    charged = account.team()["spent_micros"]
    assert charged > 10_000
    [item] = operator.get("/unknown").json()["items"]
    assert (item["id"], item["state"]) == (job_id, "lost")
    assert {"team", "key", "model", "since", "note", "reserved_usd"} < item.keys()
    assert item["charged_usd"] == f"0.{charged:06}"

    settled = operator.post(f"/unknown/{job_id}", json={"cost_usd": "0.01", "note": "the bill says so"})
    assert settled.status_code == 200
    assert settled.json()["adjusted_usd"] == f"-0.{charged - 10_000:06}"
    assert account.team()["spent_micros"] == account.key()["spent_micros"] == 10_000
    assert account.ledger(job_id)[-1] == ("adjust", 0, 10_000 - charged)
    assert gateway.database.job(job_id)["cost_micros"] == 10_000
    assert differences(gateway.database) == []
    assert operator.get("/unknown").json()["items"] == []
    [change] = operator.get("/audit", params={"limit": "1"}).json()["items"]
    assert (change["action"], change["subject_id"]) == ("job.settle", job_id)
    assert change["after"] == {"cost_usd": "0.010000", "note": "the bill says so"}

    again = operator.post(f"/unknown/{job_id}", json={"cost_usd": "0.00"})
    assert (again.status_code, again.json()["error_type"]) == (409, "conflict")
    assert account.team()["spent_micros"] == 10_000


def test_of_ten_who_settle_one_job_one_does(lost: tuple[Gateway, Operator, str]) -> None:
    gateway, operator, job_id = lost
    with ThreadPoolExecutor(10) as pool:
        calls = [
            pool.submit(operator.post, f"/unknown/{job_id}", json={"cost_usd": f"0.0{n}"}) for n in range(10)
        ]
        codes = sorted(call.result().status_code for call in calls)
    assert codes == [200] + [409] * 9
    assert differences(gateway.database) == []
    assert operator.get("/audit/verify").json()["is_whole"]


def test_what_is_settled_after_its_window_counts_in_no_other(lost: tuple[Gateway, Operator, str]) -> None:
    gateway, operator, job_id = lost
    account = account_of(gateway, job_id)
    gateway.database.rows("UPDATE jobs SET created_at = created_at - interval '40 days'")
    for path in (f"/teams/{account.team_id}", f"/keys/{account.key_id}"):
        operator.patch(path, json={"budget_period": "day"})
    assert account.team()["spent_micros"] == 0
    assert operator.post(f"/unknown/{job_id}", json={"cost_usd": "0.50"}).status_code == 200
    assert account.team()["spent_micros"] == account.key()["spent_micros"] == 0
    assert differences(gateway.database) == []
    operator.patch(f"/teams/{account.team_id}", json={"budget_period": "total"})
    assert account.team()["spent_micros"] == 500_000


def test_only_a_lost_job_is_settled(operator: Operator, caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt)
    caller.wait(job_id)
    refused = operator.post(f"/unknown/{job_id}", json={"cost_usd": "0.00"})
    assert (refused.status_code, refused.json()["error_type"]) == (409, "conflict")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"cost_usd": None},
        {"cost_usd": True},
        {"cost_usd": "-0.01"},
        {"cost_micros": 5},
        {"cost_usd": "0", "note": "x" * 501},
        {"cost_usd": "0", "note": "a\u202eb"},
        {"cost_usd": "0", "state": "succeeded"},
    ],
    ids=str,
)
def test_a_settlement_that_is_none_is_refused(operator: Operator, body: dict[str, object]) -> None:
    assert operator.post(f"/unknown/{NOBODY}", json=body).status_code == 422
