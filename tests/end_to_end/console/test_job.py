"""The page of one job in a real browser: its story, and what one can do about it."""

from uuid import UUID

import pytest

from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

PICTURES = (
    "[...document.querySelectorAll('.job-pictures img')].every((one) => one.complete && one.naturalWidth > 0)"
)


def test_a_finished_job_tells_its_story(member: Visitor, page_caller: Caller, prompt: str) -> None:
    job_id = page_caller.job(prompt, seed=7, num_images=2)
    page_caller.wait(job_id)
    member.open(f"/console/jobs/{job_id}")
    assert member.until(PICTURES)
    assert len(member.tab.run("[...document.querySelectorAll('.job-pictures img')].map(String)")) == 2
    told = member.text("main")
    assert {"num_images", "charge", "reserve", "submitting", "succeeded"} <= set(told.split())
    assert member.text("#prompt") == prompt
    assert '"num_images": 2' in member.tab.run("document.querySelector('#input').textContent")
    member.check_page()


def test_an_open_job_changes_by_itself_until_it_has_ended(
    member: Visitor, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(f"{prompt} [slow 10]")
    member.open(f"/console/jobs/{job_id}")
    assert member.tab.run("document.querySelector('[data-final]')") is None
    member.run("window.isSamePage = true;")
    member.until("document.querySelector('[data-final] .state-succeeded') !== null")
    assert member.tab.run("window.isSamePage") is True
    assert member.tab.run("document.querySelector('#cancel')") is None
    assert member.until(PICTURES)
    assert member.faults() == []


def test_making_it_again_is_a_new_job_with_a_new_answer(
    member: Visitor, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt, seed=7)
    page_caller.wait(job_id)
    member.open(f"/console/jobs/{job_id}")
    member.press("form[action$=again] button")
    new_id = member.path.rpartition("/")[2]
    assert new_id != job_id
    member.until("document.querySelector('[data-final] .state-succeeded') !== null")
    told = page_caller.get(f"/api/jobs/{new_id}").json()
    assert told["input"] == page_caller.get(f"/api/jobs/{job_id}").json()["input"]
    assert told["cache"] == "BYPASS"


def test_a_form_that_is_sent_twice_makes_one_job(
    member: Visitor, page_caller: Caller, page_gateway: Gateway, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    member.open(f"/console/jobs/{job_id}")
    both = """
        const form = document.querySelector("form[action$=again]");
        const body = new URLSearchParams(new FormData(form));
        const send = () => fetch(form.action, {method: "POST", body});
        return (await Promise.all([send(), send()])).map((answer) => new URL(answer.url).pathname);
    """
    first, second = member.run(both)
    assert first == second != f"/console/jobs/{job_id}"
    count = "SELECT count(*) FROM job_inputs WHERE prompt = $1"
    assert page_gateway.database.value(count, prompt) == 2


def test_what_is_not_kept_any_more_cannot_be_made_again(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    member.open(f"/console/jobs/{job_id}")
    page_gateway.database.rows("DELETE FROM job_inputs WHERE job_id = $1::text::uuid", job_id)
    member.press("form[action$=again] button")
    assert "not kept any more" in member.text("[role=alert]")
    member.open(f"/console/jobs/{job_id}")
    assert member.tab.run("document.querySelector('form[action$=again]')") is None
    assert "(no prompt kept)" not in member.text("main")


SET_INPUT = "UPDATE job_inputs SET input = $1 WHERE job_id = $2::text::uuid"


def test_an_input_that_is_too_large_is_not_shown_but_its_size_is(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    given = f'{{"prompt": "{prompt}", "image_url": "data:image/png;base64,{"A" * 12_400_000}"}}'
    page_gateway.database.rows(SET_INPUT, given, job_id)
    member.open(f"/console/jobs/{job_id}")
    assert member.text("#unshown").startswith("12.4 MB of input, too large to be shown")
    assert member.text("#prompt") == prompt
    assert member.tab.run("document.documentElement.outerHTML.length") < 100_000
    assert member.tab.run("document.querySelector('form[action$=again]') !== null")
    member.check_page()


def test_long_lists_and_deep_nests_are_cut(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    deep = "[" * 200 + "1" + "]" * 200
    given = f'{{"prompt": "{prompt}", "long": [{"7," * 50_000}7], "deep": {deep}}}'
    page_gateway.database.rows(SET_INPUT, given, job_id)
    member.open(f"/console/jobs/{job_id}")
    assert member.tab.run("document.documentElement.outerHTML.length") < 100_000
    assert "49941 more" in member.tab.run("document.querySelector('#input').textContent")
    member.check_page()


def test_all_pictures_of_a_large_answer_are_shown(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt, num_images=2, sync_mode=True)
    page_caller.wait(job_id)
    larger = "UPDATE job_results SET body = body || repeat(' ', 200000)::bytea WHERE job_id = $1"
    page_gateway.database.rows(larger, UUID(job_id))
    member.open(f"/console/jobs/{job_id}")
    assert member.tab.run("document.querySelectorAll('.job-pictures img').length") == 2
    assert member.until(PICTURES)


def test_the_part_that_changes_does_not_read_the_input(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(f"{prompt} [slow 60]")
    page_gateway.database.rows(SET_INPUT, "nobody could parse this", job_id)
    status = f"return (await fetch('/console/jobs/{job_id}/now')).status;"
    assert member.run(status) == 200
    page_caller.cancel(job_id)


def test_an_open_job_is_cancelled_by_its_team(member: Visitor, page_caller: Caller, prompt: str) -> None:
    job_id = page_caller.job(f"{prompt} [queue 60]")
    member.open(f"/console/jobs/{job_id}")
    member.press("#cancel button")
    assert "cancelled" in member.text("[role=status]")
    member.until("document.querySelector('[data-final] .state-cancelled') !== null")
    assert "cancelled by the caller" in member.text(".steps")


def test_what_the_admin_cancels_is_in_the_trail(
    admin: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(f"{prompt} [queue 60]")
    admin.open(f"/console/jobs/{job_id}")
    assert admin.tab.run("document.querySelector('form[action$=again]')") is None
    admin.press("#cancel button")
    admin.until("document.querySelector('[data-final] .state-cancelled') !== null")
    assert "cancelled by an operator" in admin.text(".steps")
    statement = "SELECT actor, action FROM audit_trail WHERE subject_id = $1"
    [row] = page_gateway.database.rows(statement, job_id)
    assert (row["actor"], row["action"]) == ("console:admin key", "job.cancel")


def test_what_is_another_teams_is_not_there(
    visitor: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    with page_gateway.caller() as stranger:
        visitor.sign_in(stranger.key, f"/console/jobs/{job_id}")
        assert visitor.text("h1") == "Not Found"
    visitor.sign_in(ADMIN_KEY, f"/console/jobs/{job_id}")
    assert visitor.text("#job-id") == job_id


def test_a_webhook_is_shown_with_every_try(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(prompt)
    page_caller.wait(job_id)
    page_gateway.database.rows(
        """
        WITH noted AS (
            INSERT INTO deliveries (job_id, team_id, url, state, attempts, created_at)
            SELECT id, team_id, 'https://example.org/<b>hook</b>', 'failed', 2, now() FROM jobs WHERE id = $1
        )
        INSERT INTO delivery_attempts (job_id, at, status_code, error, milliseconds)
        VALUES ($1, now(), 503, NULL, 340), ($1, now(), NULL, 'the receiver did not answer', 10000)
        """,
        UUID(job_id),
    )
    member.open(f"/console/jobs/{job_id}")
    told = member.text("#job-story")
    for words in ("<b>hook</b>", "503", "340 ms", "did not answer", "10.0 s", "failed"):
        assert words in told
    member.check_page()


def test_an_open_page_asks_nothing_while_it_is_hidden(
    member: Visitor, page_caller: Caller, prompt: str
) -> None:
    job_id = page_caller.job(f"{prompt} [slow 60]")
    member.open(f"/console/jobs/{job_id}")
    member.run(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'));"
        "window.asked = 0; const plain = window.fetch;"
        "window.fetch = (...all) => { window.asked += 1; return plain(...all); };"
    )
    member.run("await new Promise((done) => setTimeout(done, 2500));")
    assert member.tab.run("window.asked") == 0
    member.run("delete document.visibilityState; document.dispatchEvent(new Event('visibilitychange'));")
    assert member.until("window.asked > 0")
    page_caller.cancel(job_id)
