"""The pictures of jobs through the gateway: for whom they are, what they are, and what stands in for them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from PIL import Image

from app.console.picture_shelf import FETCHES_OF_ONE_TEAM
from app.console.picture_turns import WAITING_AT_MOST
from tests.conftest import StartGateway
from tests.support.caller import Caller
from tests.support.gateway import Gateway
from tests.support.history import ROUND, fill, jobs_of, make_team
from tests.support.simulator import Simulator
from tests.support.vault import made, until_all, wants
from tests.support.wire import connect

PICTURES = "/console/pictures"
LARGE_BYTES = 20_000_000
UNREAD_PICTURES = 10


@pytest.fixture
def signed_in(gateway: Gateway, caller: Caller) -> Iterator[httpx.Client]:
    """A browser of `caller`'s team, without the browser."""
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as client:
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
        assert answer.headers["cache-control"] == "private, no-cache"
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
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as client:
        client.post("/console/sign-in", data={"key": team.secret})
        for place in range(6):
            for size in ("whole", "thumbnail"):
                answer = client.get(f"{PICTURES}/{job_id}/{place}?size={size}")
                assert (answer.status_code, answer.headers["content-type"]) == (404, "image/svg+xml")


def test_nobody_sees_the_pictures_of_others(gateway: Gateway, job_id: str, signed_in: httpx.Client) -> None:
    with (
        gateway.caller() as stranger,
        httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as client,
    ):
        client.post("/console/sign-in", data={"key": stranger.key})
        theirs = client.get(f"{PICTURES}/{job_id}/0?size=thumbnail")
        nobodys = client.get(f"{PICTURES}/{UUID(int=1)}/0?size=thumbnail")
        assert theirs.status_code == nobodys.status_code == 404
    assert gateway.get(f"{PICTURES}/{job_id}/0").status_code == 303
    assert signed_in.get(f"{PICTURES}/{job_id}/0").status_code == 200


def test_what_the_browser_holds_is_shown_to_the_signed_in_alone(
    gateway: Gateway, signed_in: httpx.Client, job_id: str
) -> None:
    for size in ("whole", "thumbnail"):
        path = f"{PICTURES}/{job_id}/0?size={size}"
        first = signed_in.get(path)
        assert (first.headers["cache-control"], first.headers["vary"]) == ("private, no-cache", "cookie")
        held = {"if-none-match": first.headers["etag"]}
        again = signed_in.get(path, headers=held)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert gateway.get(path, headers=held).status_code == 303


def test_a_picture_that_is_kept_is_not_fetched_again(
    gateway: Gateway, caller: Caller, signed_in: httpx.Client, prompt: str
) -> None:
    wants(gateway.database, caller)
    job_id = made(caller, prompt, image_size={"width": 640, "height": 320})
    [image] = until_all(caller, job_id, "kept")
    gateway.database.rows("UPDATE job_results SET body = '{}' WHERE job_id = $1", UUID(job_id))
    whole = signed_in.get(f"{PICTURES}/{job_id}/0?size=whole")
    assert sha256(whole.content).hexdigest() == image["sha256"]
    assert whole.headers["etag"] == f'"{image["sha256"]}"'
    assert whole.headers["content-length"] == str(image["size_bytes"])
    held = {"if-none-match": whole.headers["etag"]}
    assert signed_in.get(f"{PICTURES}/{job_id}/0?size=whole", headers=held).status_code == 304
    assert size_of(signed_in.get(f"{PICTURES}/{job_id}/0?size=thumbnail")) == (320, 160)


async def test_those_for_whom_there_is_no_room_are_told_to_come_again(
    gateway: Gateway, simulator: Simulator, signed_in: httpx.Client, job_id: str
) -> None:
    path = f"{gateway.address}{PICTURES}/{job_id}/1?size=thumbnail"
    room, too_many = FETCHES_OF_ONE_TEAM + WAITING_AT_MOST, 9
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        cookies=signed_in.cookies, limits=limits, trust_env=False, timeout=60
    ) as browser:
        with simulator.frozen():
            asked = [asyncio.ensure_future(browser.get(path)) for _ in range(room + too_many)]
            refused = [await one for one in islice(asyncio.as_completed(asked), too_many)]
        answers = await asyncio.gather(*asked)
    for answer in refused:
        assert (answer.status_code, answer.headers["content-type"]) == (429, "image/svg+xml")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["cache-control"] == "no-store"
    assert [answer.status_code for answer in answers].count(429) == too_many


def test_of_a_kept_picture_that_nobody_reads_little_is_held(
    start_gateway: StartGateway, tmp_path: Path, prompt: str
) -> None:
    gateway = start_gateway(data_dir=str(tmp_path / "data"))
    caller = gateway.caller()
    wants(gateway.database, caller)
    job_id = made(caller, prompt)
    until_all(caller, job_id, "kept")
    gateway.database.rows("UPDATE vault_objects SET size_bytes = $1", LARGE_BYTES)
    for path in (tmp_path / "data" / "vault").rglob("*-*"):
        path.write_bytes(bytes(LARGE_BYTES))
    with httpx.Client(base_url=gateway.address, trust_env=False, timeout=60) as client, ExitStack() as stack:
        client.post("/console/sign-in", data={"key": caller.key})
        held = gateway.resident_bytes()
        for _ in range(UNREAD_PICTURES):
            connection = stack.enter_context(connect(gateway.address))
            cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
            head = f"GET {PICTURES}/{job_id}/0?size=whole HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\n\r\n"
            connection.sendall(head.encode())
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200")
            assert connection.recv(10_000)
        assert gateway.resident_bytes() - held < UNREAD_PICTURES * LARGE_BYTES / 2
