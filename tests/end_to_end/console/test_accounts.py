"""The pages of teams and keys in a real browser: look, make, change, rotate, revoke."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

from app.callers.key_material import is_well_formed
from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.support.caller import DEV
from tests.support.gateway import Gateway
from tests.support.visitor import Visitor
from tests.support.waiting import until

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

HOSTILE = "</title><script>window.hurt=1</script><img src=x onerror=window.hurt=1> \u0645\u0631\u062d"
SAVE = "#change button[type=submit]"
NO_JOB = f"{DEV}/requests/0190a0b0-0000-7000-8000-000000000000/status"


@pytest.fixture
def team(operator: httpx.Client) -> dict[str, str]:
    """A team with a budget that is half used, and a key."""
    limits = {"budget_usd": "25.00", "max_in_flight": 4, "models": ["fal-ai/flux-1/*"]}
    made = dict(operator.post("/teams", json={"name": f"painters {uuid4().hex[:8]}", **limits}).json())
    key = operator.post(
        "/keys", json={"team": made["id"], "name": "web site", "expires_at": "2999-01-01"}
    ).json()
    return made | {"key_id": key["id"], "secret": key["key"], "hint": key["hint"]}


def word_on(gateway: Gateway, secret: str) -> int:
    return gateway.get(NO_JOB, headers={"authorization": f"Key {secret}"}).status_code


def was_left(visitor: Visitor, before: int) -> bool:
    """Whether the browser went to another page since; one that comes out of its memory is not loaded."""
    return any(event["method"] == "Page.frameNavigated" for event in visitor.tab.events[before:])


def value_of(visitor: Visitor, selector: str) -> str:
    return str(visitor.tab.run(f"document.querySelector({selector!r}).value"))


def test_a_team_is_made_seen_changed_and_revoked(
    admin: Visitor, operator: httpx.Client, page_gateway: Gateway
) -> None:
    name = f"makers {uuid4().hex[:8]}"
    admin.open("/console/teams/new")
    admin.check_page()
    admin.fill("#name", name)
    admin.fill("#budget_usd", "12.5")
    admin.fill("#budget_period", "day")
    admin.fill("#models", "fal-ai/flux-1/*\nfal-ai/flux-pro/kontext")
    admin.fill("#expires_at", "2999-01-31T12:00")
    admin.fill("#privacy", "hashed")
    admin.fill("#payload_days", "30")
    admin.click("[name=keeps_images]")
    admin.press("form.card button[type=submit]")
    assert admin.path.endswith("?said=made")
    team_id = admin.path.split("/")[-1].split("?")[0]
    made = operator.get(f"/teams/{team_id}").json()
    assert (made["name"], made["budget_usd"], made["budget_period"]) == (name, "12.500000", "day")
    assert made["models"] == ["fal-ai/flux-1/*", "fal-ai/flux-pro/kontext"]
    assert (made["expires_at"], made["privacy"]) == ("2999-01-31T12:00:00Z", "hashed")
    assert (made["payload_days"], made["keeps_images"], made["rewrites_urls"]) == (30, True, False)
    assert made["requests_per_minute"] is None
    admin.check_page()

    # What somebody else changes meanwhile stays.
    operator.patch(f"/teams/{team_id}", json={"budget_usd": "99", "max_in_flight": 7}).raise_for_status()
    admin.fill("#requests_per_minute", "60")
    admin.fill("#max_in_flight", "8")
    admin.click("[name=keeps_images]")
    admin.press(SAVE)
    assert "Saved" in admin.text("[role=status]")
    after = operator.get(f"/teams/{team_id}").json()
    assert (after["requests_per_minute"], after["max_in_flight"]) == (60, 8)
    assert (after["budget_usd"], after["keeps_images"]) == ("99.000000", False)
    assert (after["expires_at"], after["models"]) == (made["expires_at"], made["models"])

    admin.press("button.danger")
    assert "revoked" in admin.text("h1")
    assert operator.get(f"/teams/{team_id}").json()["revoked_at"] is not None
    admin.check_page()
    actors = "SELECT DISTINCT actor FROM audit_trail WHERE subject_id = $1 AND action <> 'team.change'"
    assert page_gateway.database.rows(actors, team_id) == [{"actor": "console:admin key"}]


def test_what_is_wrong_stands_beside_its_field_with_what_was_typed(
    admin: Visitor, operator: httpx.Client, team: dict[str, str]
) -> None:
    admin.open("/console/teams/new")
    wrong = {
        "#name": team["name"],
        "#budget_usd": "1e3",
        "#max_in_flight": "many",
        "#models": "ok\nno spaces",
    }
    for selector, value in wrong.items():
        admin.fill(selector, value)
    admin.press("form.card button[type=submit]")
    assert "decimal" in admin.text("#budget_usd-problem") or admin.text("#budget_usd-problem")
    assert "integer" in admin.text("#max_in_flight-problem")
    assert admin.text("#models-problem").startswith("line 2")
    assert {selector: value_of(admin, selector) for selector in wrong} == wrong
    assert admin.barriers() == []
    for selector in ("#budget_usd", "#max_in_flight", "#models"):
        admin.fill(selector, "")
    admin.press("form.card button[type=submit]")
    assert "There is a team" in admin.text("#name-problem")
    admin.fill("#name", "x" * 101)
    admin.press("form.card button[type=submit]")
    assert "1 to 100" in admin.text("#name-problem")
    admin.open(f"/console/teams/{team['id']}")
    admin.fill("#name", "turned \u202e round")
    admin.click("[name=rewrites_urls]")
    admin.press(SAVE)
    assert "printable" in admin.text("#name-problem")
    admin.fill("#name", team["name"])
    admin.press(SAVE)
    assert "keeps_images" in admin.text("#rewrites_urls-problem")
    assert operator.get(f"/teams/{team['id']}").json()["name"] == team["name"]


def test_the_secret_of_a_new_key_is_shown_exactly_once(
    admin: Visitor, page_gateway: Gateway, operator: httpx.Client, team: dict[str, str]
) -> None:
    admin.open(f"/console/teams/{team['id']}")
    admin.press("section.part .head a.button")
    assert value_of(admin, "#team") == team["name"]
    admin.check_page()
    admin.fill("#name", "a notebook")
    admin.fill("#budget_usd", "5")
    admin.press("form.card button[type=submit]")
    secret = admin.text("#secret")
    assert is_well_formed(secret)
    assert admin.path == "/console/keys/new"
    assert word_on(page_gateway, secret) == 404
    admin.check_page()
    admin.click("[data-copy=secret]")
    admin.until(
        "['Copied', 'Press Ctrl+C'].includes(document.querySelector('[data-copy=secret]').textContent)"
    )
    headers = [
        event["params"]["response"]["headers"]
        for event in admin.tab.events
        if event["method"] == "Network.responseReceived" and event["params"]["type"] == "Document"
    ]
    assert [header["cache-control"] for header in headers] == ["no-store"] * len(headers)

    # Loaded again, the form is sent again, and makes nothing.
    before = len(admin.tab.events)
    admin.tab.call("Page.reload")
    admin.tab.until_loaded(since=before)
    assert "sent before" in admin.text("h1")
    assert secret not in str(admin.tab.run("document.documentElement.outerHTML"))

    # Back: the form is there, the secret is not.
    before = len(admin.tab.events)
    admin.run("setTimeout(() => history.back())")
    until(lambda: admin.tab.run("1") and was_left(admin, before))
    admin.until("document.querySelector('#name') !== null")
    assert secret not in str(admin.tab.run("document.documentElement.outerHTML"))
    for path in (f"/console/teams/{team['id']}", "/console/keys", f"/console/keys?team={team['id']}"):
        admin.open(path)
        page = str(admin.tab.run("document.documentElement.outerHTML"))
        assert secret not in page
        assert f"…{secret[-4:]}" in page
    stored = str(page_gateway.database.rows("SELECT * FROM audit_trail")) + page_gateway.process.log()
    assert secret not in stored
    keys = operator.get("/keys", params={"team": team["id"]}).json()["items"]
    assert [key["name"] for key in keys] == ["web site", "a notebook"]


def test_a_form_that_is_sent_twice_makes_one_key(
    admin: Visitor, operator: httpx.Client, team: dict[str, str]
) -> None:
    admin.open(f"/console/keys/new?team={team['id']}")
    admin.fill("#name", "twice")
    # Sent beside the page first, as by a second click.
    sent = admin.run(
        "const form = document.querySelector('form.card');"
        "const body = new URLSearchParams(new FormData(form));"
        "return (await fetch(form.action, {method: 'POST', body})).status;"
    )
    assert sent == 200
    admin.press("form.card button[type=submit]")
    assert "sent before" in admin.text("h1")
    assert "shown" not in admin.text("h1")
    assert admin.tab.run("document.getElementById('secret')") is None
    assert admin.barriers() == []
    keys = operator.get("/keys", params={"team": team["id"]}).json()["items"]
    assert [key["name"] for key in keys].count("twice") == 1


def test_a_key_of_no_team_is_said_beside_the_field(admin: Visitor, operator: httpx.Client) -> None:
    admin.open("/console/keys/new?team=nobody")
    admin.fill("#name", "x")
    admin.press("form.card button[type=submit]")
    assert "no team" in admin.text("#team-problem")
    admin.open("/console/keys?team=nobody")
    assert "no team" in admin.text("[role=alert]")
    gone = operator.post("/teams", json={"name": f"gone {uuid4()}"}).json()
    operator.delete(f"/teams/{gone['id']}")
    admin.open(f"/console/keys/new?team={gone['id']}")
    admin.fill("#name", "x")
    admin.press("form.card button[type=submit]")
    assert "revoked" in admin.text("#team-problem")


def test_a_key_is_changed_rotated_and_revoked(
    admin: Visitor, page_gateway: Gateway, operator: httpx.Client, team: dict[str, str]
) -> None:
    admin.open(f"/console/keys/{team['key_id']}")
    admin.check_page()
    admin.fill("#max_in_flight", "3")
    admin.press(SAVE)
    assert "Saved" in admin.text("[role=status]")
    changed = operator.get(f"/keys/{team['key_id']}").json()
    assert (changed["max_in_flight"], changed["expires_at"]) == (3, "2999-01-01T00:00:00Z")

    admin.fill("#grace_seconds", "3600")
    admin.press("#rotate button")
    second = admin.text("#secret")
    assert is_well_formed(second)
    assert second != team["secret"]
    assert [word_on(page_gateway, one) for one in (team["secret"], second)] == [404, 404]
    admin.check_page()
    admin.press("section.card a.button")
    assert "counts as well until" in admin.text("main")
    admin.check_page()
    # A page that was drawn before another rotation ends nothing.
    operator.post(f"/keys/{team['key_id']}/rotate", json={}).raise_for_status()
    admin.press("#rotate button")
    assert "rotated already" in admin.text("[role=alert]")
    assert word_on(page_gateway, second) == 404

    admin.press("button.danger")
    assert "revoked" in admin.text("h1")
    assert operator.get(f"/keys/{team['key_id']}").json()["revoked_at"] is not None
    assert admin.tab.run("document.querySelector('#rotate')") is None


def test_a_no_to_the_question_does_nothing(
    admin: Visitor, operator: httpx.Client, team: dict[str, str]
) -> None:
    admin.open(f"/console/teams/{team['id']}")
    asked = admin.run(
        "let asked = ''; window.confirm = (question) => { asked = question; return false; };"
        "document.querySelector('button.danger').click(); return asked;"
    )
    assert team["name"] in asked
    assert operator.get(f"/teams/{team['id']}").json()["revoked_at"] is None
    assert admin.tab.run("document.querySelector('button.danger').disabled") is False


def test_names_are_text_whatever_is_in_them(admin: Visitor, operator: httpx.Client) -> None:
    name = (HOSTILE + uuid4().hex[:8] + "x" * 100)[:100]
    made = operator.post("/teams", json={"name": name}).json()
    key = operator.post("/keys", json={"team": made["id"], "name": name}).json()
    for path in (
        f"/console/teams/{made['id']}",
        f"/console/keys/{key['id']}",
        f"/console/keys?team={made['id']}",
        f"/console/keys/new?team={made['id']}",
    ):
        admin.open(path)
        assert admin.tab.run("window.hurt ?? 0") == 0
        admin.check_page()
    admin.open(f"/console/keys?team={made['id']}")
    assert name in admin.text("tbody")


def test_lists_have_pages(admin: Visitor, operator: httpx.Client) -> None:
    team = operator.post("/teams", json={"name": f"many {uuid4().hex}"}).json()
    for number in range(3):
        operator.post("/keys", json={"team": team["id"], "name": f"key {number}"}).raise_for_status()
    admin.open(f"/console/keys?team={team['id']}&limit=2")
    assert len(admin.texts("tbody tr")) == 2
    admin.press("nav.pages a")
    assert [row.split("\t")[0].strip() for row in admin.texts("tbody tr")] == ["key 2"]
    assert admin.tab.run("document.querySelector('nav.pages')") is None
    admin.open("/console/teams")
    assert "painters" in admin.text("tbody") or admin.texts("tbody tr")
    admin.check_page()


PAGES = ("/console/teams", "/console/teams/new", "/console/keys", "/console/keys/new")
ACTIONS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/console/teams/new", {"name": "theirs", "budget_period": "month", "privacy": "full"}),
    ("/console/teams/{id}", {"name": "theirs"}),
    ("/console/teams/{id}/revoke", {}),
    ("/console/keys/new", {"team": "{id}", "name": "theirs", "budget_period": "month"}),
    ("/console/keys/{key_id}", {"name": "theirs"}),
    ("/console/keys/{key_id}/rotate", {"grace_seconds": "0"}),
    ("/console/keys/{key_id}/revoke", {}),
    ("/console/unknown/{id}/bind", {"upstream_id": "abc"}),
    ("/console/unknown/{id}/settle", {"cost_usd": "0"}),
    ("/console/unknown/{id}/resubmit", {}),
    ("/console/audit/verify", {}),
)


def test_a_team_sees_and_does_nothing_here_and_no_other_page_does(
    page_gateway: Gateway, operator: httpx.Client, team: dict[str, str]
) -> None:
    before = page_gateway.database.value("SELECT count(*) FROM audit_trail")
    with signed_in(page_gateway, team["secret"]) as theirs, signed_in(page_gateway, ADMIN_KEY) as ours:
        for path in (*PAGES, f"/console/teams/{team['id']}", f"/console/keys/{team['key_id']}"):
            assert theirs.get(path).status_code == 403, path
            assert ours.get(path).status_code == 200, path
        token = csrf_of(theirs, "/console")
        for path, fields in ACTIONS:
            address = path.format(**team)
            own = {name: value.format(**team) for name, value in fields.items()}
            assert theirs.post(address, data={**own, "csrf": token}).status_code == 403, path
            for wrong in ({"x": "1"}, {"csrf": ""}, {"csrf": token}, {"csrf": "0" * 64}):
                assert ours.post(address, data={**own, **wrong}).status_code == 403, (path, wrong)
            assert ours.post(address, json=own).status_code in (403, 415), path
    assert page_gateway.database.value("SELECT count(*) FROM audit_trail") == before
    assert operator.get(f"/teams/{team['id']}").json()["revoked_at"] is None


@contextmanager
def signed_in(gateway: Gateway, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as client:
        client.post("/console/sign-in", data={"key": key})
        yield client


def csrf_of(client: httpx.Client, path: str) -> str:
    return client.get(path).text.split('name="csrf-token" content="')[1].split('"')[0]
