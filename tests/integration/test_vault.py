"""A team that wants it has its pictures copied, and gets links to them that work for whoever has one."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from PIL import Image

from tests.conftest import StartGateway, StartSimulator
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.uploading import fetch
from tests.support.vault import SMALL, images, made, until_all, wants
from tests.support.waiting import until


def test_a_picture_is_copied_when_its_job_ends(gateway: Gateway, caller: Caller, prompt: str) -> None:
    wants(gateway.database, caller)
    job_id = made(caller, prompt, num_images=2, output_format="png")
    first, second = until_all(caller, job_id, "kept")
    theirs = httpx.get(first["url"], trust_env=False, timeout=60).content
    assert (first["index"], second["index"]) == (0, 1)
    assert first["sha256"] == sha256(theirs).hexdigest() != second["sha256"]
    facts = ("content_type", "width", "height", "size_bytes", "error")
    assert tuple(first[name] for name in facts) == ("image/png", 64, 48, len(theirs), None)
    answer = fetch(first["vault_url"])
    assert (answer.status_code, answer.content) == (200, theirs)


def test_teams_that_do_not_ask_have_nothing_copied(caller: Caller, prompt: str) -> None:
    job_id = made(caller, prompt)
    [image] = images(caller, job_id)
    assert image["state"] == "not_kept"
    assert not {"vault_url", "thumbnail_url", "sha256"} & set(image)


def test_a_picture_outlives_its_upstream_but_not_its_store(
    start_gateway: StartGateway, start_simulator: StartSimulator, prompt: str, tmp_path: Path
) -> None:
    upstream = start_simulator()
    gateway = start_gateway(upstream=upstream, data_dir=str(tmp_path / "data"))
    caller = gateway.caller()
    wants(gateway.database, caller)
    [image] = until_all(caller, made(caller, prompt), "kept")
    theirs = httpx.get(image["url"], trust_env=False, timeout=60).content
    upstream.process.stop()
    assert fetch(image["vault_url"]).content == theirs
    with pytest.raises(httpx.TransportError):
        httpx.get(image["url"], trust_env=False, timeout=60)
    assert (tmp_path / "data" / "vault").stat().st_mode & 0o777 == 0o700
    for path in (tmp_path / "data" / "vault").rglob("*-*"):
        path.unlink()
    assert [fetch(image[name]).status_code for name in ("vault_url", "thumbnail_url")] == [410, 410]


def test_a_thumbnail_is_small_and_opens_nothing_else(gateway: Gateway, caller: Caller, prompt: str) -> None:
    wants(gateway.database, caller)
    job_id = made(caller, prompt, image_size={"width": 640, "height": 320})
    [image] = until_all(caller, job_id, "kept")
    answer = fetch(image["thumbnail_url"])
    assert answer.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(answer.content)).size == (320, 160)
    assert fetch(image["thumbnail_url"].replace("/thumbnail", "")).status_code == 403
    assert fetch(image["vault_url"].replace("?", "/thumbnail?")).status_code == 403


def test_a_data_uri_is_kept_like_any_picture(gateway: Gateway, caller: Caller, prompt: str) -> None:
    wants(gateway.database, caller)
    job_id = made(caller, prompt, sync_mode=True)
    [image] = until_all(caller, job_id, "kept")
    assert image["url"] is None
    assert Image.open(BytesIO(fetch(image["vault_url"]).content)).size == (64, 48)


def test_an_answer_that_is_given_again_shows_the_copies_of_the_first(
    gateway: Gateway, caller: Caller, prompt: str
) -> None:
    wants(gateway.database, caller)
    first = made(caller, prompt, seed=7)
    [kept] = until_all(caller, first, "kept")
    second = made(caller, prompt, seed=7)
    [shown] = images(caller, second)
    assert caller.get(f"/api/jobs/{second}").json()["cache"] == "HIT"
    assert shown == kept
    owed = "SELECT count(*) FROM work WHERE kind = 'archive' AND job_id = $1"
    assert gateway.database.value(owed, UUID(second)) == 0


def test_jobs_that_wait_for_anothers_answer_copy_nothing_themselves(
    start_gateway: StartGateway, prompt: str
) -> None:
    gateway = start_gateway()
    caller = gateway.caller()
    wants(gateway.database, caller)
    asked: dict[str, Any] = {"image_size": SMALL, "seed": 7}
    first, joined = (caller.submit(f"{prompt} [slow 6]", **asked) for _ in range(2))
    assert joined.headers["x-fluxgate-cache"] == "JOINED"
    first_id, joined_id = (answer.json()["request_id"] for answer in (first, joined))
    for job_id in (first_id, joined_id):
        caller.wait(job_id)
        until_all(caller, job_id, "kept")
    owed = "SELECT 1 FROM work WHERE kind = 'archive' AND job_id = ANY($1)"
    until(lambda: not gateway.database.rows(owed, [UUID(first_id), UUID(joined_id)]))
    assert gateway.metric('fluxgate_work_lag_seconds_count{kind="archive"}') == 1


def test_a_job_shows_the_copies_of_its_pictures(gateway: Gateway, caller: Caller, prompt: str) -> None:
    wants(gateway.database, caller)
    plain = {"url", "width", "height", "content_type"}
    job_id = made(caller, prompt, seed=1)
    [kept] = until_all(caller, job_id, "kept")
    given_again = made(caller, prompt, seed=1)
    wants(gateway.database, caller, keeps_images=False)
    without = made(caller, prompt, seed=2)
    by_id = {job["id"]: job["images"] for job in caller.get("/api/jobs").json()["items"]}
    for shown in (by_id[job_id], caller.get(f"/api/jobs/{job_id}").json()["images"], by_id[given_again]):
        [image] = shown
        assert set(image) == plain | {"vault_url", "thumbnail_url", "sha256"}
        assert {name: image[name] for name in image} == {name: kept[name] for name in image}
    assert set(by_id[without][0]) == plain


def test_a_picture_is_shown_though_its_answer_is_not(gateway: Gateway, caller: Caller, prompt: str) -> None:
    """A page leaves large answers out, and payloads are kept for less long than pictures may be."""
    wants(gateway.database, caller)
    job_id = made(caller, prompt)
    [kept] = until_all(caller, job_id, "kept")
    gateway.database.rows("DELETE FROM job_results WHERE job_id = $1", UUID(job_id))
    [image] = caller.get(f"/api/jobs/{job_id}").json()["images"]
    assert image == {**{name: kept[name] for name in image}, "url": None}
