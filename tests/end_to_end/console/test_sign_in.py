"""Signing in to the pages with a real browser."""

import pytest

from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.support.caller import Caller
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")


def test_the_form_asks_for_a_key_and_goes_where_one_wanted_to(visitor: Visitor, page_caller: Caller) -> None:
    visitor.open("/console?from=2026-01-01")
    assert visitor.path == "/console/sign-in?next=/console%3Ffrom%3D2026-01-01"
    visitor.check_page()
    visitor.fill("#key", "fg_nobody")
    visitor.press("main form button")
    assert "no key of this gateway" in visitor.text("[role=alert]")
    assert visitor.barriers() == []
    visitor.fill("#key", page_caller.key)
    visitor.press("main form button")
    assert visitor.path == "/console?from=2026-01-01"


def test_a_key_sees_its_team_and_the_admin_key_everything(visitor: Visitor, page_caller: Caller) -> None:
    visitor.sign_in(page_caller.key)
    assert "a key" in visitor.text(".who")
    assert "Audit" not in visitor.texts("nav a")
    visitor.sign_in(ADMIN_KEY)
    assert visitor.text(".who-name") == "Admin"
    assert {"Overview", "Jobs", "Usage", "Playground", "Audit"} <= set(visitor.texts("nav a"))


def test_nothing_of_a_key_stays_in_the_browser(member: Visitor, page_caller: Caller) -> None:
    assert member.tab.run("document.cookie") == ""
    kept = member.tab.call("Network.getCookies")["cookies"]
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in kept] == [(True, "Lax")]
    assert page_caller.key not in str(kept) + member.tab.run("document.documentElement.outerHTML")


def test_signing_out_ends_it(member: Visitor) -> None:
    member.press(".who button")
    assert member.path == "/console/sign-in"
    member.open("/console")
    assert member.path.startswith("/console/sign-in")


def test_what_is_not_there_is_said_in_a_page(member: Visitor) -> None:
    member.open("/console/nothing")
    assert member.text("h1") == "Not Found"
    assert member.barriers() == []
