"""The pictures of jobs through the gateway: for whom they are, what they are, and what stands in for them."""

from collections.abc import Iterator
from io import BytesIO
from uuid import UUID

import httpx
import pytest
from PIL import Image

from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import ROUND, fill, jobs_of, make_team

PICTURES = "/console/pictures"


@pytest.fixture
def signed_in(gateway: Gateway, caller: Caller) -> Iterator[httpx.Client]:
    """A browser of `caller`'s team, without the browser."""
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=20) as client:
        client.post("/console/sign-in", data={"key": caller.key})
        yield client


@pytest.fixture
def job_id(caller: Caller, prompt: str) -> str:
    """A job that has made two pictures."""
    job_id = caller.job(prompt, num_images=2, image_size={"width": 1024, "height": 512})
    caller.wait(job_id)
    return job_id


def size_of(answer: httpx.Response) -> tuple[int, int]:
    with Image.open(BytesIO(answer.content)) as image:
        width, height = image.size
    return width, height


def test_a_picture_is_shown_whole_and_small(signed_in: httpx.Client, job_id: str) -> None:
    whole = signed_in.get(f"{PICTURES}/{job_id}/1?size=whole")
    assert (whole.status_code, whole.headers["content-type"]) == (200, "image/jpeg")
    assert size_of(whole) == (1024, 512)
    for _ in range(2):
        small = signed_in.get(f"{PICTURES}/{job_id}/1?size=thumbnail")
        assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")
        assert size_of(small) == (320, 160)
    for answer in (whole, small):
        assert answer.headers["cache-control"] == "private, max-age=3600"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("place", ["2", "-1", "x", "\u0661", "1000", "99999999999999999999", "1.0"])
def test_what_is_not_there_is_a_calm_sign(signed_in: httpx.Client, job_id: str, place: str) -> None:
    answer = signed_in.get(f"{PICTURES}/{job_id}/{place}?size=thumbnail")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "image/svg+xml")


HOSTILE = (
    b'{"images":[{"url":"http://169.254.169.254/latest"},{"url":"file:///etc/passwd"},{"url":7},'
    b'{"url":"data:image/svg+xml;base64,PHN2Zy8+"},{"url":"data:image/png;base64,PHNjcmlwdD4="},"x"]}'
)


def test_what_an_answer_names_is_not_just_fetched_nor_shown(gateway: Gateway) -> None:
    team = make_team(gateway.database)
    fill(gateway.database, team, ROUND)
    job_id = next(
        job["id"]
        for job in jobs_of(gateway.database, team)
        if job["state"] == "succeeded" and job["source_job_id"] is None
    )
    gateway.database.rows("UPDATE job_results SET body = $1 WHERE job_id = $2", HOSTILE, job_id)
    with httpx.Client(base_url=gateway.address, trust_env=False) as client:
        client.post("/console/sign-in", data={"key": team.secret})
        for place in range(6):
            for size in ("whole", "thumbnail"):
                answer = client.get(f"{PICTURES}/{job_id}/{place}?size={size}")
                assert (answer.status_code, answer.headers["content-type"]) == (404, "image/svg+xml")


def test_nobody_sees_the_pictures_of_others(gateway: Gateway, job_id: str, signed_in: httpx.Client) -> None:
    with gateway.caller() as stranger, httpx.Client(base_url=gateway.address, trust_env=False) as client:
        client.post("/console/sign-in", data={"key": stranger.key})
        theirs = client.get(f"{PICTURES}/{job_id}/0?size=thumbnail")
        nobodys = client.get(f"{PICTURES}/{UUID(int=1)}/0?size=thumbnail")
        assert theirs.status_code == nobodys.status_code == 404
    assert gateway.get(f"{PICTURES}/{job_id}/0").status_code == 303
    assert signed_in.get(f"{PICTURES}/{job_id}/0").status_code == 200
