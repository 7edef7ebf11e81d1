"""The pages of jobs of unknown cost: what is known, and the operator's three choices."""

from uuid import UUID

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.simulator import Simulator
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

# The first try is accepted, its answer is lost; a second one is answered.
ONCE = "[submit reset 1]"
MARKUP = "</dd><script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
HOSTILE = f"{MARKUP} \u202eeht"


@pytest.fixture
def unknown(page_gateway: Gateway, page_caller: Caller, prompt: str) -> str:
    """A job that the upstream has, and nobody here knows under which id."""
    job_id = page_caller.job(f"{prompt} {HOSTILE} {ONCE}")
    assert page_gateway.database.state(job_id) == "unknown"
    return job_id


def change_of(operator: httpx.Client, job_id: str) -> tuple[str, str]:
    changes = operator.get("/audit").json()["items"]
    return next((one["action"], one["actor"]) for one in changes if one["subject_id"] == job_id)


def test_what_is_known_is_told_and_a_job_is_bound(
    admin: Visitor, page_gateway: Gateway, simulator: Simulator, operator: httpx.Client, unknown: str
) -> None:
    admin.open("/console/unknown")
    admin.check_page()
    admin.press(f"a[href='/console/unknown/{unknown}']")
    shown = admin.text("main")
    assert all(word in shown for word in (MARKUP, "a key", "submitting", "reserve", unknown))
    assert admin.tab.run("window.hurt ?? 0") == 0
    admin.check_page()

    admin.fill("#bind-upstream_id", "../nowhere")
    admin.press("#bind button")
    assert "letters" in admin.text("#bind-upstream_id-problem")
    assert admin.tab.run("document.querySelector('#bind-upstream_id').value") == "../nowhere"
    assert admin.barriers() == []
    admin.fill("#bind-upstream_id", "764cabcf-b745-4b3e-ae38-1200304cf45b")
    admin.press("#bind button")
    assert "knows no request" in admin.text("#bind [role=alert]")
    [job] = [
        job for job in simulator.inside()["accepted"] if job["body"]["prompt"].endswith(f"{HOSTILE} {ONCE}")
    ][-1:]
    admin.fill("#bind-upstream_id", job["id"])
    admin.fill("#bind-note", "seen in the dashboard")
    admin.press("#bind button")
    assert admin.path == f"/console/unknown/{unknown}?said=bind"
    assert "is bound" in admin.text("[role=status]")
    page_gateway.database.wait(unknown, "succeeded")
    admin.open(f"/console/unknown/{unknown}")
    assert len(admin.texts(".not")) == 3
    assert admin.tab.run("document.querySelector('main form')") is None
    admin.check_page()
    assert change_of(operator, unknown) == ("job.bind", "console:admin key")


def test_a_job_is_sent_again_and_settled(
    admin: Visitor, page_gateway: Gateway, operator: httpx.Client, unknown: str
) -> None:
    admin.open(f"/console/unknown/{unknown}")
    admin.fill("#resubmit-note", "the team asked for it")
    admin.press("#resubmit button")
    assert "sent again" in admin.text("[role=status]")
    assert change_of(operator, unknown) == ("job.resubmit", "console:admin key")
    page_gateway.database.wait(unknown, "succeeded")
    admin.open("/console/unknown")
    assert "may have been paid twice" in admin.text("tbody")
    admin.open(f"/console/unknown/{unknown}")
    assert "third time" in admin.text("#resubmit .not")
    admin.fill("#settle-cost_usd", "much")
    admin.press("#settle button")
    assert admin.text("#settle-cost_usd-problem")
    admin.fill("#settle-cost_usd", "0.05")
    admin.press("#settle button")
    assert "settled" in admin.text("[role=status]")
    assert page_gateway.database.job(unknown)["cost_micros"] == 50_000
    assert change_of(operator, unknown) == ("job.settle", "console:admin key")
    admin.open("/console/unknown")
    assert unknown not in str(admin.tab.run("document.querySelector('main').innerHTML"))


def test_a_lost_job_is_only_settled_and_says_why(admin: Visitor, page_gateway: Gateway, unknown: str) -> None:
    page_gateway.database.rows("UPDATE work SET due_at = now() WHERE job_id = $1", UUID(unknown))
    page_gateway.database.wait(unknown, "lost")
    admin.open(f"/console/unknown/{unknown}")
    assert "never change" in admin.text("#bind .not")
    assert "new job" in admin.text("#resubmit .not")
    admin.check_page()
    admin.fill("#settle-cost_usd", "0")
    admin.press("#settle button")
    assert page_gateway.database.job(unknown)["cost_micros"] == 0
    # A form that was drawn before, sent again, changes nothing.
    admin.open(f"/console/unknown/{unknown}")
    assert "settled already" in admin.text("#settle .not")


def test_what_is_not_possible_any_more_is_said(
    admin: Visitor, page_gateway: Gateway, operator: httpx.Client, unknown: str
) -> None:
    admin.open(f"/console/unknown/{unknown}")
    page_gateway.database.rows("DELETE FROM job_inputs WHERE job_id = $1", UUID(unknown))
    admin.press("#resubmit button")
    assert "not stored any more" in admin.text("#resubmit [role=alert]")
    assert "not stored" in admin.text("dd.prompt")
    operator.delete(f"/keys/{page_gateway.database.job(unknown)['key_id']}")
    admin.open(f"/console/unknown/{unknown}")
    assert "revoked or expired" in admin.text("dl.facts")
    assert page_gateway.database.state(unknown) == "unknown"


def test_a_team_sees_and_does_nothing_here(member: Visitor, page_gateway: Gateway, unknown: str) -> None:
    token = member.tab.run("document.querySelector('meta[name=csrf-token]').content")
    asked = {"upstream_id": "abc", "cost_usd": "0", "csrf": token}
    for path in ("/console/unknown", f"/console/unknown/{unknown}", "/console/audit"):
        member.open(path)
        assert "admin key" in member.text(".fault"), path
    for path in (
        *(f"/console/unknown/{unknown}/{deed}" for deed in ("bind", "settle", "resubmit")),
        "/console/audit/verify",
    ):
        status = member.run(
            f"const body = new URLSearchParams({asked});"
            f"return (await fetch('{path}', {{method: 'POST', body}})).status;"
        )
        assert status == 403, path
    assert page_gateway.database.history(unknown) == ["submitting", "unknown"]


def test_a_form_without_the_token_of_its_page_does_nothing(
    admin: Visitor, page_gateway: Gateway, unknown: str
) -> None:
    admin.open(f"/console/unknown/{unknown}")
    for deed in ("bind", "settle", "resubmit"):
        admin.open(f"/console/unknown/{unknown}")
        admin.run(f"document.querySelector('#{deed} [name=csrf]').value = 'x';")
        for name in ("upstream_id", "cost_usd"):
            selector = f"#{deed} [name={name}]"
            admin.run(f"for (const one of document.querySelectorAll('{selector}')) one.value = '0';")
        admin.press(f"#{deed} button")
        assert admin.text("h1") == "Forbidden"
    assert page_gateway.database.history(unknown) == ["submitting", "unknown"]
