"""The first page in a real browser: it changes by itself, says when it cannot, and shows what one may see."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import ROUND, fill, make_team
from tests.support.visitor import Visitor
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("pages")

PAGE_BYTES = 300_000
STRANGE = '<script>alert(1)</script> "&amp; <b>'


def figure(visitor: Visitor, name: str) -> str:
    """The number under this name."""
    names = visitor.texts(".figure dt")
    return visitor.texts(".figure dd:first-of-type")[names.index(name)]


def test_it_changes_without_being_loaded_again(member: Visitor, page_caller: Caller, prompt: str) -> None:
    assert figure(member, "In flight") == "0"
    member.run("window.isTheSame = true;")
    job_id = page_caller.job(f"{prompt} [slow 60]")
    number = "document.querySelector('.figure dd').textContent"
    # It is one in flight from its submit on, and runs once the upstream was asked.
    member.until("document.querySelector('.figure').innerText.includes('1 running')")
    assert figure(member, "In flight") == "1"
    page_caller.cancel(job_id)
    member.until(f"{number} === '0'")
    page_caller.wait(page_caller.job(prompt))
    member.until("document.querySelectorAll('.figure dd')[2].textContent === '1'")
    assert figure(member, "Spent today") != "$0.00"
    assert member.run("return window.isTheSame")
    member.check_page()


def test_it_says_when_the_gateway_is_away_and_goes_on_when_it_is_back(member: Visitor) -> None:
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    member.tab.call("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        member.until("document.querySelector('#live-word').textContent.includes('does not answer')")
        member.until("!!document.querySelector('.stale')")
    finally:
        member.tab.call("Network.emulateNetworkConditions", offline=False, **offline)
    member.until("document.querySelector('#live-word').textContent === 'Live'")
    assert not member.run("return document.querySelector('.stale')")


def test_it_rests_while_nobody_looks(member: Visitor) -> None:
    member.until("performance.getEntriesByType('resource').some((one) => one.name.endsWith('/now'))")
    hide = "Object.defineProperty(document, 'hidden', {value: VALUE, configurable: true});"
    tell = "document.dispatchEvent(new Event('visibilitychange'));"
    asked = "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('/now')).length"
    member.run(hide.replace("VALUE", "true") + tell)
    before = member.run(f"await new Promise((done) => setTimeout(done, 3000)); return {asked}")
    assert member.run(f"await new Promise((done) => setTimeout(done, 3500)); return {asked}") == before
    member.run(hide.replace("VALUE", "false") + tell)
    member.until(f"{asked} > {before}")


def test_whoever_is_signed_out_elsewhere_is_asked_to_sign_in(member: Visitor, page_gateway: Gateway) -> None:
    page_gateway.database.rows("DELETE FROM sessions")
    until(lambda: last_address(member).endswith("/console/sign-in?next=/console"))


def last_address(visitor: Visitor) -> str:
    """Where the browser is; it cannot say so between two pages."""
    with suppress(AssertionError):
        return str(visitor.tab.call("Page.getNavigationHistory")["entries"][-1]["url"])
    return ""


def test_a_team_sees_its_own_budgets_and_the_admin_those_of_all(
    visitor: Visitor, member: Visitor, page_caller: Caller, page_gateway: Gateway, operator: httpx.Client
) -> None:
    account = Account.of(page_gateway.database, page_caller)
    account.limit_team(budget_micros=1_000_000, budget_period="total", spent_micros=850_000)
    account.limit_key(budget_micros=1_000_000, budget_period="total", spent_micros=2_000_000)
    strange = operator.post("/teams", json={"name": STRANGE, "budget_usd": "0"}).raise_for_status().json()
    try:
        classes = "[...document.querySelectorAll('.budgets progress')].map((one) => one.className).join()"
        member.until(f"{classes} === 'near,over'")
        assert member.texts(".budgets bdi") == [page_team(page_gateway, account), "a key"]
        visitor.sign_in("fga_the-admin-key-of-the-pages-tests")
        visitor.until("document.querySelector('.budgets').textContent.includes('alert(1)')")
        assert STRANGE in visitor.texts(".budgets bdi")
        visitor.check_page()
    finally:
        operator.delete(f"/teams/{strange['id']}").raise_for_status()


def page_team(gateway: Gateway, account: Account) -> str:
    return str(gateway.database.value("SELECT name FROM teams WHERE id = $1", account.team_id))


def test_the_charts_say_their_numbers_in_a_table_as_well(visitor: Visitor, page_gateway: Gateway) -> None:
    team = make_team(page_gateway.database)
    fill(page_gateway.database, team, 5 * ROUND, starts_at=datetime.now(UTC) - timedelta(days=3))
    visitor.sign_in(team.secret)
    assert visitor.texts(".legend bdi")[:2] == ["key 1", "key 0"]
    visitor.click(".numbers summary")
    assert "All" in visitor.text(".numbers thead")
    assert visitor.loaded_bytes() < PAGE_BYTES
    visitor.check_page()
    visitor.press("a.choice:not([aria-current])")
    assert visitor.path == "/console?by=model"
    assert any("flux-pro" in label for label in visitor.texts(".legend bdi"))


@pytest.mark.parametrize("query", ["by=team", "by=end_user", "by=key&by=model", "what=1"])
def test_a_chart_by_what_one_may_not_see_is_refused(member: Visitor, query: str) -> None:
    member.open(f"/console?{query}")
    assert query.partition("=")[0] in member.text("main .fault")


@pytest.mark.parametrize("path", ["/console", "/console/overview/now", "/console/overview/month"])
def test_nobody_else_sees_it(page_gateway: Gateway, path: str) -> None:
    assert page_gateway.get(path).headers["location"] == f"/console/sign-in?next={path}"
