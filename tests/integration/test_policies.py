"""What a team wants kept: said over HTTP and on the command line, and written down in the trail."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from tests.conftest import StartGateway
from tests.support.database import Database
from tests.support.gateway import Gateway
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER

ADMIN_KEY = "the-admin-key-of-these-tests"
NOTHING_SAID = {
    "privacy": "full",
    "payload_days": None,
    "job_days": None,
    "image_days": None,
    "keeps_images": False,
    "rewrites_urls": False,
}
SAID = {
    "privacy": "hashed",
    "payload_days": 30,
    "job_days": 36_500,
    "image_days": 1,
    "keeps_images": True,
    "rewrites_urls": True,
}


@pytest.fixture
def operated(start_gateway: StartGateway) -> Gateway:
    """A gateway of the test's own, whose admin key is known."""
    return start_gateway("--no-worker", admin_key=ADMIN_KEY)


def call(gateway: Gateway, method: str, path: str, body: object = None) -> httpx.Response:
    return httpx.request(
        method,
        f"{gateway.address}/api/admin{path}",
        headers={"authorization": f"Bearer {ADMIN_KEY}"},
        json=body,
        trust_env=False,
        timeout=60,
    )


def policy_of(team: Mapping[str, Any]) -> dict[str, Any]:
    return {name: team[name] for name in NOTHING_SAID}


def trail(database: Database) -> list[dict[str, Any]]:
    rows = database.rows("SELECT action, before, after FROM audit_trail ORDER BY id")
    return [
        {**row, **{word: orjson.loads(row[word] or "null") for word in ("before", "after")}} for row in rows
    ]


def test_a_policy_is_given_changed_field_by_field_and_stands_in_the_trail(operated: Gateway) -> None:
    made = call(operated, "POST", "/teams", {"name": "painters", **SAID})
    assert (made.status_code, policy_of(made.json())) == (201, SAID)
    path = f"/teams/{made.json()['id']}"
    assert policy_of(call(operated, "GET", path).json()) == SAID
    [listed] = call(operated, "GET", "/teams").json()["items"]
    assert policy_of(listed) == SAID

    fewer = {"payload_days": None, "rewrites_urls": False}
    changed = call(operated, "PATCH", path, fewer)
    assert (changed.status_code, policy_of(changed.json())) == (200, {**SAID, **fewer})
    assert call(operated, "PATCH", path, {"privacy": "hashed"}).json() == changed.json()
    assert call(operated, "PATCH", path, {"max_in_flight": 5}).json()["privacy"] == "hashed"

    created, first, second = trail(operated.database)
    assert (created["action"], policy_of(created["after"])) == ("team.create", SAID)
    assert (first["action"], policy_of(first["before"])) == ("team.change", SAID)
    assert policy_of(first["after"]) == {**SAID, **fewer}
    assert policy_of(second["before"]) == policy_of(second["after"])
    assert call(operated, "GET", "/audit/verify").json()["is_whole"] is True


def test_who_says_nothing_keeps_everything_and_no_pictures(operated: Gateway) -> None:
    team = call(operated, "POST", "/teams", {"name": "painters"}).json()
    assert policy_of(team) == NOTHING_SAID


WRONG: Mapping[str, tuple[Mapping[str, object], str]] = {
    "a privacy that is none": ({"privacy": "some"}, "privacy"),
    "privacy null": ({"privacy": None}, "privacy"),
    "privacy in capitals": ({"privacy": "FULL"}, "privacy"),
    "no days": ({"payload_days": 0}, "payload_days"),
    "days below zero": ({"job_days": -1}, "job_days"),
    "days beyond a century": ({"image_days": 36_501}, "image_days"),
    "days as a text": ({"payload_days": "30"}, "payload_days"),
    "half a day": ({"payload_days": 0.5}, "payload_days"),
    "days as a truth": ({"job_days": True}, "job_days"),
    "a truth as a text": ({"keeps_images": "true"}, "keeps_images"),
    "a truth as a number": ({"keeps_images": 1}, "keeps_images"),
    "a truth null": ({"rewrites_urls": None}, "rewrites_urls"),
    "links to what is not kept": ({"rewrites_urls": True}, "rewrites_urls"),
    "pictures of a team that keeps nothing": ({"keeps_images": True, "privacy": "none"}, "keeps_images"),
}


def test_what_cannot_be_kept_is_refused_and_the_field_is_named(operated: Gateway) -> None:
    team = call(operated, "POST", "/teams", {"name": "painters"}).json()
    for name, (wrong, field) in WRONG.items():
        for answer in (
            call(operated, "POST", "/teams", {"name": f"team {uuid4()}", **wrong}),
            call(operated, "PATCH", f"/teams/{team['id']}", wrong),
        ):
            assert answer.status_code == 422, name
            [problem] = answer.json()["errors"]
            assert problem["loc"] == ["body", field], name
            assert answer.json()["error_type"] == "invalid_input"
    assert call(operated, "GET", f"/teams/{team['id']}").json() == team
    assert len(trail(operated.database)) == 1


def test_what_does_not_fit_what_is_stored_is_refused(operated: Gateway) -> None:
    team = call(operated, "POST", "/teams", {"name": "painters", **SAID}).json()
    path = f"/teams/{team['id']}"
    for wrong, field in (({"keeps_images": False}, "rewrites_urls"), ({"privacy": "none"}, "keeps_images")):
        refused = call(operated, "PATCH", path, wrong)
        assert (refused.status_code, refused.json()["errors"][0]["loc"][1]) == (422, field)
    both = {"keeps_images": False, "rewrites_urls": False, "privacy": "none"}
    assert policy_of(call(operated, "PATCH", path, both).json()) == {**SAID, **both}


def test_keys_have_no_policy(operated: Gateway) -> None:
    call(operated, "POST", "/teams", {"name": "painters"})
    key = call(operated, "POST", "/keys", {"team": "painters", "name": "brush"}).json()
    assert not set(NOTHING_SAID) & set(key)
    for field, value in SAID.items():
        refused = call(operated, "PATCH", f"/keys/{key['id']}", {field: value})
        assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["body", field])


# The command line

OPTIONS = ("--privacy", "hashed", "--payload-days", "30", "--job-days", "36500", "--image-days", "1")
PICTURES = ("--keep-images", "--rewrite-urls")


def test_the_command_line_says_the_same(database: Database, tmp_path: Path) -> None:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        own = {"database_url": database.url, "key_pepper": PEPPER}
        return run_fluxgate(tmp_path, *words, settings=own)

    def told(*words: str) -> Any:
        done = run(*words, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    assert policy_of(told("teams", "create", "painters", *OPTIONS, *PICTURES)) == SAID
    fewer = ("--payload-days", "none", "--privacy", "none", "--no-keep-images", "--no-rewrite-urls")
    changed = told("teams", "change", "painters", *fewer)
    assert policy_of(changed) == {
        **SAID,
        "payload_days": None,
        "privacy": "none",
        "keeps_images": False,
        "rewrites_urls": False,
    }
    table = run("teams", "list").stdout.splitlines()
    assert table[0].split()[-5:] == ["privacy", "payload_days", "job_days", "image_days", "keeps_images"]
    assert table[1].split()[-5:] == ["none", "-", "36500", "1", "False"]
    assert len(trail(database)) == 2
    wrong = run("teams", "create", "sculptors", "--rewrite-urls")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "keeps_images" in wrong.stderr
