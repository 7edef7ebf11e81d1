"""Generating on the playground with a real browser: the form, the queue, what went wrong, the history."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.catalogue.lookup import Catalogue
from app.console.playground import PATH
from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.end_to_end.console.playground import (
    NEWEST,
    card,
    generate,
    open_form,
    value,
    wait_for,
)
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.pictures import picture
from tests.support.simulator import Simulator
from tests.support.visitor import Visitor

# One browser for all pages.
pytestmark = pytest.mark.xdist_group("pages")

LARGEST_SEED = 2**63 - 1
FIELDS_SHOWN = """
    [...document.querySelectorAll("[data-field]")].map((place) => {
      const field = place.querySelector("textarea, select, input:not([data-slider], [data-upload]), [role=group]");
      const slider = place.querySelector("[data-slider]");
      return {
        name: place.dataset.field, label: place.querySelector("code").textContent, tag: field.tagName,
        value: field.type === "checkbox" ? field.checked : field.value ?? null, hint: place.querySelector(".hint").textContent,
        ends: slider && [slider, field].map(({min, max, step}) => [min, max, step].map(Number)),
        slid: slider && Number(slider.value), words: [...(field.options ?? [])].map((option) => option.value),
      };
    })
"""  # noqa: E501 # a script
# Begins once the new card is drawn: that it makes room for itself is what the button was pressed for.
SHIFTS = """
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
    window.shifted = [];
    new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifted.push(one.sources.map(({node}) => node?.outerHTML ?? node?.data)); })
      .observe({type: "layout-shift"});
    window.seen = [];
    const look = () => {
      const [state, place] = ["state", "place"].map((name) => document.querySelector(`#cards .job [data-${name}]`).textContent);
      if (window.seen.at(-1)?.join() !== [state, place].join()) window.seen.push([state, place]);
    };
    look();
    new MutationObserver(look).observe(document.querySelector("#cards"), {subtree: true, childList: true, characterData: true});
"""  # noqa: E501 # a script


def test_each_model_has_the_form_of_its_schema(member: Visitor) -> None:
    member.open(PATH)
    member.fill("#f-prompt", "a cat that goes along")
    listed = Catalogue(allow_unlisted=False).listed()
    assert member.tab.run("[...document.querySelector('#model').options].map((one) => one.value)") == [
        model.id for model in listed
    ]
    for model in listed:
        assert model.input is not None
        member.fill("#model", model.id)
        member.until(f"document.querySelector('#request').dataset.model === '{model.id}'")
        schema = model.input.model_json_schema()["properties"]
        shown = member.tab.run(FIELDS_SHOWN)
        assert [one["name"] for one in shown] == [one["label"] for one in shown]
        assert {one["name"] for one in shown} == schema.keys()
        for one in shown:
            if one["name"] == "prompt":
                assert one["value"] == "a cat that goes along"
                one["value"] = ""
            check_field(one, schema[one["name"]])
    assert member.faults() == []


def check_field(shown: dict[str, Any], described: dict[str, Any]) -> None:
    """A field as it is to be seen has the range, the default and the words that the schema has."""
    default = described.get("default")
    if "minimum" in described:
        ends = [described["minimum"], described["maximum"]]
        assert [one[:2] for one in shown["ends"]] == [ends, ends]
        assert (float(shown["value"]), shown["slid"]) == (default, default)
        assert f"{ends[0]:g} to {ends[1]:g} · default {default}" in shown["hint"]
    elif described.get("type") == "boolean":
        assert shown["value"] is default
        assert f"default {'on' if default else 'off'}" in shown["hint"]
    elif shown["tag"] != "DIV":
        assert shown["value"] == (default or "")
        assert default is None or f"default {default}" in shown["hint"]
    kinds = [described, *described.get("anyOf", [])]
    words = {word.lower() for kind in kinds for word in kind.get("enum", [])}
    assert words <= {word.lower() for word in shown["words"]}


def test_from_the_button_to_the_picture(member: Visitor, page_gateway: Gateway, prompt: str) -> None:
    member.open(PATH)
    member.fill("#f-seed", "7")
    job_id = generate(member, f"{prompt} <b>&amp;</b>\u202e")
    wait_for(member, job_id, "succeeded")
    member.until(
        f'[...document.querySelectorAll("{card(job_id)} img")].some((one) => one.naturalWidth === 1024)'
    )
    assert member.text(f"{card(job_id)} [data-prompt]") == f"{prompt} <b>&amp;</b>\u202e"
    assert member.texts(f"{card(job_id)} .told dd")[:3] == ["7", "$0.019661", "MISS"]
    assert member.texts(f"{card(job_id)} .told dd")[3].endswith(" s")
    assert "Generating" not in member.text(card(job_id))
    assert (
        member.tab.run(f'document.querySelector("{card(job_id)} [data-page]").pathname')
        == f"/console/jobs/{job_id}"
    )
    assert member.tab.run(f"document.querySelector(\"{card(job_id)} .save\").hasAttribute('download')")
    assert member.text("#news") == "Done: 1 picture."
    member.until("document.querySelector('#history img').naturalWidth > 0")
    member.fill("#f-seed", "")
    member.click("[data-random]")
    assert value(member, "#f-seed").isdecimal()
    member.click(f"{card(job_id)} [data-use-seed]")
    assert value(member, "#f-seed") == "7"
    assert page_gateway.database.state(job_id) == "succeeded"
    again = generate(member, f"{prompt} <b>&amp;</b>\u202e")
    wait_for(member, again, "succeeded")
    assert member.texts(f"{card(again)} .told dd")[1:3] == ["$0.00 ($0.019661 saved)", "HIT"]
    member.check_page()


def test_the_queue_is_seen_live_and_nothing_moves(member: Visitor, prompt: str) -> None:
    member.open(PATH)
    member.fill("#f-num_images", "2")
    job_id = generate(member, f"{prompt} [queue 6] [slow 6]")
    member.run(SHIFTS)
    wait_for(member, job_id, "succeeded")
    seen = member.tab.run("window.seen")
    states = list(dict.fromkeys(state for state, _ in seen))
    assert states == ["queued", "running", "fetching", "succeeded"]
    assert ["queued", "next in the queue"] in seen
    assert member.tab.run("document.querySelector('#cards [data-log]').textContent")
    assert member.tab.run("window.shifted") == []


def test_several_at_once_with_more_than_a_browser_has_connections(member: Visitor, prompt: str) -> None:
    member.open(PATH)
    jobs = [generate(member, f"{prompt} {number} [slow 60]") for number in range(6)]
    wait_for(member, generate(member, prompt), "succeeded")
    for job_id in jobs:
        member.click(f"{card(job_id)} [data-cancel]")
    for job_id in jobs:
        wait_for(member, job_id, "cancelled")
    assert member.faults() == []


def test_cancelling(member: Visitor, page_gateway: Gateway, prompt: str) -> None:
    member.open(PATH)
    job_id = generate(member, f"{prompt} [slow 60]")
    member.click(f"{card(job_id)} [data-cancel]")
    wait_for(member, job_id, "cancelled")
    assert member.text(f"{card(job_id)} [data-cost]") == "$0.00"
    assert page_gateway.database.state(job_id) == "cancelled"


def test_what_fails_says_why(member: Visitor, prompt: str) -> None:
    member.open(PATH)
    job_id = generate(member, f"{prompt} [fail 500]")
    wait_for(member, job_id, "failed")
    assert "The runner failed" in member.text(f"{card(job_id)} .fault")


def test_what_the_upstream_refuses_is_said_and_is_a_job(member: Visitor, prompt: str) -> None:
    member.open(PATH)
    member.fill("#f-prompt", f"{prompt} [submit 400]")
    member.click("#generate")
    member.until("document.querySelector('#history [data-state]')?.textContent === 'failed'")
    assert member.text("#refusal") or member.text("#summary")
    assert member.texts(NEWEST) == []


def test_what_is_wrong_stands_beside_its_field(member: Visitor, simulator: Simulator, prompt: str) -> None:
    member.open(PATH)
    member.click("#generate")
    member.until("document.querySelector('#f-prompt-fault').textContent")
    assert member.text("#f-prompt-fault") == "Field required"
    assert member.tab.run("document.activeElement.id") == "f-prompt"
    member.fill("#f-prompt", prompt)
    assert member.text("#f-prompt-fault") == ""
    member.fill("#f-num_images", "9")
    member.fill("#f-seed", "seven")
    member.click("#generate")
    member.until("document.querySelector('#f-num_images-fault').textContent")
    assert "less than or equal to 4" in member.text("#f-num_images-fault")
    assert "integer" in member.text("#f-seed-fault")
    assert member.tab.run("document.querySelector('#f-num_images').getAttribute('aria-invalid')") == "true"
    assert member.barriers() == []
    member.fill("#f-seed", "")
    member.fill("#f-num_images", "1")
    for text, fault in (("[1]", "no object"), ("{", "JSON")):
        member.fill("#more", text)
        member.click("#generate")
        assert fault in member.tab.run("document.querySelector('#more-fault').textContent")
    assert not simulator.accepted(prompt)
    assert member.texts(NEWEST) == []


def test_a_budget_that_is_spent(
    member: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    Account.of(page_gateway.database, page_caller).limit_team(budget_micros=25_000)
    member.open(PATH)
    member.until("document.querySelector('#price').textContent === 'at most $0.019661'")
    assert member.text("#left") == "$0.025 of the budget left"
    assert not member.tab.run("document.querySelector('#price').classList.contains('over')")
    member.fill("#f-num_images", "2")
    member.until("document.querySelector('#price').textContent === 'at most $0.039322'")
    assert member.tab.run("document.querySelector('#price').classList.contains('over')")
    member.fill("#f-prompt", prompt)
    member.click("#generate")
    member.until("!document.querySelector('#refusal').hidden")
    assert "budget" in member.text("#refusal")
    member.fill("#f-image_size", "custom")
    member.fill("[data-width]", "1000")
    member.fill("[data-height]", "250")
    member.until("document.querySelector('#price').textContent === 'at most $0.0125'")


def test_a_limit_says_when_to_try_again(
    visitor: Visitor, page_gateway: Gateway, page_caller: Caller, prompt: str
) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    page_gateway.database.rows(limit, page_caller.key[-4:])
    page_caller.job(f"{prompt} first")
    visitor.sign_in(page_caller.key, PATH)
    visitor.fill("#f-prompt", prompt)
    visitor.click("#generate")
    visitor.until("!document.querySelector('#refusal').hidden")
    assert "Try again in" in visitor.text("#refusal")


def test_the_history_gives_settings_back(
    member: Visitor, page_caller: Caller, page_gateway: Gateway, prompt: str
) -> None:
    open_form(member, "fal-ai/flux-lora")
    member.click("[data-field=loras] [data-add]")
    member.fill("#f-loras-1-path", "owner/weights")
    member.fill("#f-image_size", "custom")
    member.fill("[data-width]", "512")
    member.fill("[data-height]", "256")
    member.fill("#f-seed", str(LARGEST_SEED))
    member.fill("#more", '{"note": [1.5, null, "<i>"]}')
    job_id = generate(member, f"{prompt} <script>alert(1)</script>")
    wait_for(member, job_id, "succeeded")
    given = json.loads(
        page_gateway.database.rows("SELECT input FROM job_inputs WHERE prompt LIKE $1", f"{prompt}%")[0][
            "input"
        ]
    )
    assert given["seed"] == LARGEST_SEED
    assert given["loras"] == [{"path": "owner/weights", "scale": 1}]
    assert given["note"] == [1.5, None, "<i>"]
    page_caller.job(f"{prompt} another", num_inference_steps=9)
    member.open(PATH)
    member.until(f"document.querySelector('#history [data-job=\"{job_id}\"]') !== null")
    assert member.texts("#history [data-prompt]") == [
        f"{prompt} another",
        f"{prompt} <script>alert(1)</script>",
    ]
    member.click(f"#history [data-job='{job_id}'] [data-again]")
    member.until("document.querySelector('#more')?.value")
    check_settings(member, prompt)
    member.open(f"{PATH}?job={job_id}")
    member.until("document.querySelector('#more').value")
    check_settings(member, prompt)
    assert member.faults() == []


def check_settings(member: Visitor, prompt: str) -> None:
    """The form says what that job was asked."""
    assert value(member, "#model") == "fal-ai/flux-lora"
    assert value(member, "#f-prompt") == f"{prompt} <script>alert(1)</script>"
    assert value(member, "#f-seed") == str(LARGEST_SEED)
    assert [value(member, one) for one in ("#f-image_size", "[data-width]", "[data-height]")] == [
        "custom",
        "512",
        "256",
    ]
    assert value(member, "#f-loras-1-path") == "owner/weights"
    assert json.loads(value(member, "#more")) == {"note": [1.5, None, "<i>"]}


def test_coming_back_goes_on_following(member: Visitor, page_caller: Caller, prompt: str) -> None:
    member.open(PATH)
    job_id = generate(member, f"{prompt} [slow 2]")
    member.open("/console")
    member.open(PATH)
    wait_for(member, job_id, "succeeded")
    assert page_caller.word(job_id) == "COMPLETED"


def test_a_picture_is_brought_by_the_form(
    member: Visitor, page_gateway: Gateway, prompt: str, tmp_path: Any
) -> None:
    file = tmp_path / "cat.png"
    file.write_bytes(picture())
    open_form(member, "fal-ai/flux-1/dev/image-to-image")
    root = member.tab.call("DOM.getDocument")["root"]["nodeId"]
    node = member.tab.call("DOM.querySelector", nodeId=root, selector="#f-image_url-file")["nodeId"]
    member.tab.call("DOM.setFileInputFiles", nodeId=node, files=[str(file)])
    member.until("document.querySelector('#f-image_url').value")
    assert value(member, "#f-image_url").startswith(f"{page_gateway.address}/files/")
    assert member.text("[data-upload-state]") == "cat.png is uploaded."
    wait_for(member, generate(member, prompt), "succeeded")


def test_a_key_sees_the_models_that_it_may_use(
    visitor: Visitor, page_gateway: Gateway, page_caller: Caller, operator: httpx.Client
) -> None:
    key_id = Account.of(page_gateway.database, page_caller).key_id
    operator.patch(f"/keys/{key_id}", json={"models": ["fal-ai/flux-1/schnell*"]}).raise_for_status()
    visitor.sign_in(page_caller.key, PATH)
    assert visitor.texts("#model option") == ["fal-ai/flux-1/schnell", "fal-ai/flux-1/schnell/redux"]
    open_form(visitor, "fal-ai/flux-lora")
    assert visitor.text("h1") == "Forbidden"


def test_the_admin_looks_and_is_told_to_sign_in_with_a_key(admin: Visitor) -> None:
    admin.open(PATH)
    assert "sign in with a team's key" in admin.text("#request")
    assert admin.texts("#generate") == []
    admin.until("document.querySelector('#price').textContent === 'at most $0.019661'")
    assert "curl" in admin.text("#sample-curl")
    admin.check_page()
    assert ADMIN_KEY not in admin.tab.run("document.documentElement.outerHTML")


def test_the_page_is_light_and_works_by_the_keyboard(member: Visitor, prompt: str) -> None:
    member.open(PATH)
    assert member.loaded_bytes() < 120_000
    member.check_page()
    member.run("document.querySelector('#tab-curl').focus()")
    for key, expected in (
        ("ArrowRight", "fetch"),
        ("End", "fal-python"),
        ("ArrowRight", "curl"),
        ("ArrowLeft", "fal-python"),
    ):
        for kind in ("keyDown", "keyUp"):
            member.tab.call("Input.dispatchKeyEvent", type=kind, key=key)
        assert member.tab.run("document.activeElement.id") == f"tab-{expected}"
        assert member.text("[role=tabpanel]:not([hidden])")
    member.run("document.querySelector('#f-prompt').focus()")
    member.tab.call("Input.insertText", text=prompt)
    member.run("document.querySelector('#f-num_inference_steps').focus()")
    member.tab.call("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r")
    member.until(f"document.querySelector('{NEWEST} [data-state]')?.textContent === 'succeeded'")
    member.fill("#f-num_inference_steps", "12")
    assert (
        member.tab.run("document.querySelector('[data-field=num_inference_steps] [data-slider]').value")
        == "12"
    )


def test_without_scripts_another_model_is_a_page_away(page_gateway: Gateway, page_caller: Caller) -> None:
    with httpx.Client(base_url=page_gateway.address, trust_env=False, timeout=60) as browser:
        browser.post("/console/sign-in", data={"key": page_caller.key, "next": PATH})
        page = browser.get(PATH, params={"model": "fal-ai/flux-pro/v1.1-ultra"})
    assert page.status_code == 200
    assert 'id="f-image_prompt_strength"' in page.text


def test_only_the_own_page_asks_for_prices(page_gateway: Gateway, page_caller: Caller) -> None:
    with httpx.Client(base_url=page_gateway.address, trust_env=False, timeout=60) as browser:
        browser.post("/console/sign-in", data={"key": page_caller.key, "next": PATH})
        asked = browser.post(f"{PATH}/price", json={"model": "fal-ai/flux-1/dev", "input": {}})
    assert asked.status_code == 403


# The browser sends it, the gateway takes it, and the answer is lost on the way back.
LOSE_ONE_ANSWER = """
    const honest = window.fetch;
    window.fetch = async (...asked) => {
      const answer = await honest(...asked);
      if (!String(asked[0]).startsWith("/fal-ai/")) return answer;
      window.fetch = honest;
      throw new TypeError("Failed to fetch");
    };
"""


def test_a_lost_answer_makes_no_second_job(member: Visitor, page_gateway: Gateway, prompt: str) -> None:
    member.open(PATH)
    member.run(LOSE_ONE_ANSWER)
    member.fill("#f-prompt", prompt)
    member.click("#generate")
    member.until("!document.querySelector('#refusal').hidden")
    assert "cannot be reached" in member.text("#refusal")
    wait_for(member, generate(member, prompt), "succeeded")
    rows = page_gateway.database.rows("SELECT job_id FROM job_inputs WHERE prompt = $1", prompt)
    assert len(rows) == 1
    assert member.tab.run("document.querySelector('#refusal').hidden")


def test_what_is_not_kept_is_said(member: Visitor, page_gateway: Gateway, prompt: str) -> None:
    member.open(PATH)
    job_id = generate(member, prompt)
    wait_for(member, job_id, "succeeded")
    page_gateway.database.rows("DELETE FROM job_inputs WHERE job_id = $1", UUID(job_id))
    member.open(f"{PATH}?job={job_id}")
    member.until("!document.querySelector('#refusal').hidden")
    assert "not kept" in member.text("#refusal")
    assert member.texts("#history [data-prompt]") == ["\N{EN DASH}"]


def test_the_jobs_of_others_are_not_there(member: Visitor, page_gateway: Gateway, prompt: str) -> None:
    with page_gateway.caller() as other:
        job_id = other.job(prompt)
    member.open(f"{PATH}?job={job_id}")
    assert member.text("h1") == "Not Found"
    member.open(PATH)
    assert member.texts("#history li") == []


def test_when_the_sign_in_has_ended(member: Visitor, page_caller: Caller, prompt: str) -> None:
    member.open(PATH)
    member.tab.call("Network.clearBrowserCookies")
    member.fill("#f-prompt", prompt)
    member.click("#generate")
    member.until("!document.querySelector('#refusal').hidden")
    assert "sign in" in member.text("#refusal")
    before = len(member.tab.events)
    member.fill("#model", "fal-ai/flux-lora")
    member.tab.until_loaded(since=before)
    member.fill("#key", page_caller.key)
    member.press("main form button")
    assert value(member, "#model") == "fal-ai/flux-lora"
