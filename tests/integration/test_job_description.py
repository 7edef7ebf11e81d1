"""`GET /api/jobs/{id}`: what is recorded of one job, for its own team."""

from uuid import uuid4

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import ROUND, fill, jobs_of, make_team


def described(caller: Caller, job_id: str) -> httpx.Response:
    return caller.get(f"/api/jobs/{job_id}")


def test_a_finished_job_tells_its_whole_story(caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt, seed=7, num_images=2)
    caller.wait(job_id)
    told = described(caller, job_id).json()
    assert (told["id"], told["state"], told["model"]) == (job_id, "succeeded", "fal-ai/flux-1/dev")
    assert told["input"] == {"prompt": prompt, "seed": 7, "num_images": 2}
    assert (told["prompt"], told["seed"], told["key"], told["error"]) == (prompt, 7, "a key", None)
    assert [image["width"] for image in told["images"]] == [1024, 1024]
    times = [told[name] for name in ("created_at", "submitted_at", "completed_at")]
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in times)
    assert [event["to"] for event in told["timeline"]][:: len(told["timeline"]) - 1] == [
        "submitting",
        "succeeded",
    ]
    assert [attempt["outcome"] for attempt in told["attempts"]] == ["queued"]


def test_an_unknown_job_is_visible_as_such(caller: Caller, prompt: str) -> None:
    told = described(caller, caller.job(f"{prompt} [submit reset]")).json()
    assert (told["state"], told["images"], told["submitted_at"]) == ("unknown", [], None)
    assert told["attempts"][0]["outcome"] == "unknown"
    assert told["attempts"][0]["note"]


def test_a_job_shows_what_it_cost_and_how_that_came(caller: Caller, prompt: str) -> None:
    job_id = caller.job(prompt, num_images=2)
    caller.wait(job_id)
    told = described(caller, job_id).json()
    reserved, charged = told["ledger"]
    assert (reserved["kind"], charged["kind"]) == ("reserve", "charge")
    assert charged["amount_usd"] == told["cost_usd"] > "0.000000"
    assert reserved["amount_usd"] >= charged["amount_usd"]
    assert (told["reserved_usd"], told["saved_usd"]) == ("0.000000", "0.000000")
    assert (told["cache"], told["end_user"], told["deliveries"]) == ("BYPASS", None, [])
    assert reserved["at"] == told["created_at"]


@pytest.mark.parametrize(
    ("state", "kinds"),
    [
        ("queued", ["reserve"]),
        ("failed", ["reserve", "release"]),
        ("lost", ["reserve", "charge"]),
    ],
)
def test_the_ledger_of_a_job_is_told_as_far_as_it_goes(
    gateway: Gateway, state: str, kinds: list[str]
) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    job = next(
        job for job in jobs_of(gateway.database, team) if job["state"] == state and not job["source_job_id"]
    )
    with gateway.caller(team.secret) as member:
        told = described(member, str(job["id"])).json()
        [listed] = [item for item in member.get("/api/jobs").json()["items"] if item["id"] == told["id"]]
    assert [entry["kind"] for entry in told["ledger"]] == kinds
    assert told["ledger"][0]["amount_usd"] == f"0.{job['reserved_micros']:06}"
    more = {"timeline", "ledger", "attempts", "deliveries"}
    assert {name: value for name, value in told.items() if name not in more} == listed


@pytest.mark.parametrize(
    "form", [str, str.upper, lambda job_id: job_id + "0", lambda _: "x", lambda _: str(uuid4())]
)
def test_what_is_not_yours_is_not_there(caller: Caller, gateway: Gateway, prompt: str, form: object) -> None:
    assert callable(form)
    job_id = caller.job(prompt)
    with gateway.caller() as stranger:
        answer = described(stranger, form(job_id))
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.content == described(stranger, str(uuid4())).content


def test_nobody_reads_it_without_a_key(gateway: Gateway, caller: Caller, prompt: str) -> None:
    answer = gateway.get(f"/api/jobs/{caller.job(prompt)}")
    assert (answer.status_code, answer.json()["error_type"]) == (401, "unauthorized")
