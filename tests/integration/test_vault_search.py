"""Pictures of a team found by their content; what others keep is not there for it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.uploading import fetch
from tests.support.vault import made, until_all, wants


def find(caller: Caller, **query: Any) -> dict[str, Any]:
    found = caller.get("/api/images", params=query).raise_for_status().json()
    assert isinstance(found, dict)
    return found


def kept(gateway: Gateway, caller: Caller, prompt: str) -> tuple[str, dict[str, Any]]:
    """A job with a picture that is the same whoever asks for it, and that picture."""
    wants(gateway.database, caller)
    job_id = made(caller, prompt, seed=5)
    [image] = until_all(caller, job_id, "kept")
    return job_id, image


def test_a_picture_is_found_by_its_content(gateway: Gateway, caller: Caller, prompt: str) -> None:
    job_id, image = kept(gateway, caller, prompt)
    [found] = find(caller, sha256=image["sha256"])["items"]
    assert found == {"job_id": job_id, **{name: image[name] for name in image if name != "url"}}
    assert fetch(found["vault_url"]).status_code == 200


def test_what_others_keep_is_not_there(gateway: Gateway, caller: Caller, prompt: str) -> None:
    job_id, image = kept(gateway, caller, prompt)
    with gateway.caller() as other, gateway.caller() as stranger:
        own_id, own = kept(gateway, other, prompt)
        assert (own["sha256"], own_id != job_id) == (image["sha256"], True)
        for one, its_id in ((caller, job_id), (other, own_id)):
            assert [item["job_id"] for item in find(one, sha256=image["sha256"])["items"]] == [its_id]
        theirs = stranger.get("/api/images", params={"sha256": image["sha256"]})
        nobodys = stranger.get("/api/images", params={"sha256": "0" * 64})
        assert (theirs.status_code, theirs.content) == (200, nobodys.content)
        theirs, nobodys = stranger.get(f"/api/images/{job_id}"), stranger.get(f"/api/images/{uuid4()}")
        assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
        assert theirs.status_code == 404


def test_pages_go_from_the_newest_job_to_the_oldest(gateway: Gateway, caller: Caller, prompt: str) -> None:
    jobs = []
    for _ in range(3):
        job_id, image = kept(gateway, caller, prompt)
        jobs.append(job_id)
        # So that the next one is made and not given again.
        gateway.database.rows("DELETE FROM cached_answers WHERE job_id::text = $1", job_id)
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while len(seen) < 10:
        page = find(caller, sha256=image["sha256"], limit=1, **cursor)
        seen += [item["job_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == jobs[::-1]
    refused = caller.get("/api/images", params={"sha256": "0" * 64, **cursor})
    assert (refused.status_code, refused.json()["error_type"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    "query", ["", "sha256=", "sha256=x", f"sha256={'A' * 64}", f"sha256={'0' * 63}", "x=1"]
)
def test_another_question_is_refused(caller: Caller, query: str) -> None:
    answer = caller.get(f"/api/images?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_it_takes_a_credential(gateway: Gateway, caller: Caller, prompt: str) -> None:
    job_id, image = kept(gateway, caller, prompt)
    for path in (f"/api/images/{job_id}", f"/api/images?sha256={image['sha256']}"):
        assert gateway.get(path).status_code == 401
    token = caller.post("/api/tokens", json={"ttl_seconds": 60}).raise_for_status().json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    assert gateway.get(f"/api/images?sha256={image['sha256']}", headers=headers).status_code == 403
    assert gateway.get(f"/api/images/{job_id}", headers=headers).status_code == 404
