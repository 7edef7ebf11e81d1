"""Teams whose pictures are kept, and what the vault says of them."""

from typing import Any

import httpx

from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.waiting import until

SMALL = {"width": 64, "height": 48}


def wants(database: Database, caller: Caller, **policy: object) -> Account:
    """Sets columns of the team's policy; by itself that its pictures are kept."""
    account = Account.of(database, caller)
    for name, value in {"keeps_images": True, **policy}.items():
        database.rows(f"UPDATE teams SET {name} = $1 WHERE id = $2", value, account.team_id)
    return account


def made(caller: Caller, prompt: str, **fields: object) -> str:
    """The id of a job that has ended, with a small picture."""
    asked: dict[str, Any] = {"image_size": SMALL, **fields}
    job_id = caller.job(prompt, **asked)
    caller.wait(job_id)
    return job_id


def images(caller: Caller, job_id: str) -> list[dict[str, Any]]:
    """What the vault says of a job's pictures."""
    answer = caller.get(f"/api/images/{job_id}").raise_for_status().json()
    assert answer["job_id"] == job_id
    found = answer["items"]
    assert isinstance(found, list)
    return found


def until_all(caller: Caller, job_id: str, state: str) -> list[dict[str, Any]]:
    """The pictures of a job, once all of them stand like this."""

    def found() -> list[dict[str, Any]]:
        seen = images(caller, job_id)
        return seen if seen and all(image["state"] == state for image in seen) else []

    return until(found)


def fetch(url: str, method: str = "GET", **headers: str) -> httpx.Response:
    """What anybody gets who has a link."""
    return httpx.request(method, url, headers=headers, trust_env=False, timeout=10)
