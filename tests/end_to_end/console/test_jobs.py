"""The page of jobs in a real browser: what it shows, to whom, and what its filters leave."""

import pytest

from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import ROUND, fill, make_team
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

ROWS = "tbody tr"
THUMBNAILS = "[...document.querySelectorAll('img.thumb')].every((one) => one.naturalWidth > 0)"


def test_a_job_is_a_row_with_its_picture(member: Visitor, page_caller: Caller, prompt: str) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    member.open("/console/jobs")
    [row] = member.texts(ROWS)
    assert prompt in row
    assert {"a key", "flux-1/dev", "succeeded"} <= set(row.replace("\t", "\n").split("\n"))
    assert member.until(THUMBNAILS)
    member.check_page()
    member.press(f"{ROWS} a")
    assert member.path == f"/console/jobs/{job_id}"


def test_a_team_sees_its_own_jobs_and_the_admin_all(
    visitor: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    page_caller.job(prompt)
    with page_gateway.caller() as stranger:
        visitor.sign_in(stranger.key, "/console/jobs")
        assert "No jobs yet" in visitor.text("main")
        assert "Team" not in visitor.texts("label")
    visitor.sign_in(ADMIN_KEY, "/console/jobs")
    assert prompt in visitor.text("tbody")
    assert "Team" in visitor.texts("th")


def test_filters_make_an_address_that_can_be_shared(visitor: Visitor, page_gateway: Gateway) -> None:
    team = make_team(page_gateway.database)
    fill(page_gateway.database, team, 6 * ROUND)
    # Of hosts that nobody reaches from here there is nothing to show, and nothing to wait for.
    page_gateway.database.rows("UPDATE job_results SET body = '{}' WHERE body LIKE '%v3.fal.media%'")
    visitor.sign_in(team.secret, "/console/jobs")
    assert len(visitor.texts(ROWS)) == 50
    visitor.press("nav.pages a")
    visitor.press("nav.pages a")
    assert len(visitor.texts(ROWS)) == 20
    visitor.fill("#state", "failed")
    visitor.fill("#end_user", "ann")
    visitor.press("form.filters button")
    assert visitor.path == "/console/jobs?state=failed&end_user=ann"
    shown = visitor.texts(ROWS)
    assert shown
    assert all("failed" in row and "ann" in row for row in shown)
    visitor.sign_in(ADMIN_KEY)
    visitor.open(f"/console/jobs?team={team.name}&state=lost")
    assert len(visitor.texts(ROWS)) == 6


def test_a_wrong_filter_is_said_beside_the_form(admin: Visitor) -> None:
    admin.open("/console/jobs?from=yesterday&team=nobody&state=&limit=7")
    assert "From: write a date" in admin.text("#problems")
    assert admin.tab.run("document.querySelector('#from').getAttribute('aria-invalid')") == "true"
    assert admin.tab.run("document.querySelector('#from').value") == "yesterday"
    assert admin.barriers() == []
    admin.open("/console/jobs?team=nobody")
    assert "no such team" in admin.text("#problems")
    admin.open("/console/jobs?cursor=x")
    assert "newest" in admin.text("#problems")


def test_a_prompt_is_text_whatever_is_in_it(member: Visitor, page_caller: Caller) -> None:
    hostile = (
        "</title><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'> \u202etac "
        + "x" * 49_000
    )
    job_id = page_caller.job(hostile)
    for path in ("/console/jobs", f"/console/jobs/{job_id}"):
        member.open(path)
        assert "<script>window.hurt" in member.text("main")
        assert member.tab.run("window.hurt") is None
        assert not member.is_wider_than_window()
    member.check_page()
