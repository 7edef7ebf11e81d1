"""The pages of the audit trail: what was changed, and whether it is whole."""

from uuid import uuid4

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")


def test_changes_are_told_as_what_differs(admin: Visitor, operator: httpx.Client) -> None:
    name = f"<script>window.hurt=1</script> {uuid4().hex[:8]}"
    team = operator.post("/teams", json={"name": name, "budget_usd": "25.00"}).json()
    changed = {"budget_usd": "50.00", "models": ["fal-ai/flux-1/*"], "keeps_images": True}
    operator.patch(f"/teams/{team['id']}", json=changed).raise_for_status()
    admin.open("/console/audit")
    newest, made = admin.texts("tbody tr")[:2]
    assert "team.change" in newest
    assert "25.000000 → 50.000000" in newest
    assert "keeps_images no → yes" in " ".join(newest.split())
    assert "requests_per_minute" not in newest
    assert "team.create" in made
    assert name in made
    assert admin.tab.run("window.hurt ?? 0") == 0
    admin.click("tbody details summary")
    assert '"budget_usd": "50.000000"' in admin.text("tbody pre")
    admin.check_page()
    admin.press("tbody a")
    assert admin.path == f"/console/teams/{team['id']}"
    admin.open("/console/audit?limit=1")
    admin.press("nav.pages a")
    assert "team.create" in admin.text("tbody")


def test_the_trail_is_verified_on_request_and_against_a_noted_head(
    admin: Visitor, page_gateway: Gateway, operator: httpx.Client
) -> None:
    operator.post("/teams", json={"name": f"a team {uuid4()}"}).raise_for_status()
    admin.open("/console/audit")
    admin.press("main .head button")
    assert "Yes: all" in admin.text("[role=status]")
    head = admin.text("#head")
    assert head == operator.get("/audit/verify").json()["head"]
    admin.click("[data-copy=head]")
    admin.check_page()
    operator.post("/teams", json={"name": f"one more {uuid4()}"}).raise_for_status()
    admin.fill("#noted", head)
    admin.press("main form button")
    assert "that you noted is among them" in admin.text("[role=status]")
    number, _, digest = head.partition(":")
    admin.fill("#noted", f"{number}:{'0' * len(digest)}")
    admin.press("main form button")
    assert "not the one that was noted" in admin.text("[role=alert]")
    admin.fill("#noted", "yesterday's")
    admin.press("main form button")
    assert "64 digits" in admin.text("#noted-problem")
    assert admin.tab.run("document.querySelector('#noted').value") == "yesterday's"
    assert admin.barriers() == []

    row = "UPDATE audit_trail SET actor = $1 WHERE id = (SELECT max(id) - 1 FROM audit_trail) RETURNING actor"
    [before] = page_gateway.database.rows("SELECT actor FROM audit_trail ORDER BY id DESC OFFSET 1 LIMIT 1")
    page_gateway.database.rows(row, "nobody")
    try:
        admin.fill("#noted", "")
        admin.press("main form button")
        assert "was changed" in admin.text("[role=alert]")
    finally:
        page_gateway.database.rows(row, before["actor"])
