"""A picture is fetched from a few hosts, whole, in time, and only if it is one."""

from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from app.errors import UpstreamError
from app.jobs.job import JobView
from app.jobs.pictures import MOST_PICTURES, fetch_pictures
from app.jobs.states import JobState
from app.operations.metrics import Metrics
from app.upstream.media_hosts import MediaHosts
from app.upstream.pictures import NoPicture, PictureSource
from app.upstream.transport import Transport
from tests.support.scripted_upstream import ScriptedUpstream, scripted

LIMIT_BYTES = 1000
TOTAL_SECONDS = 60.0
SHORT_SECONDS = 2.0
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture
def host() -> Iterator[ScriptedUpstream]:
    with scripted(answer(PNG)) as host:
        yield host


@pytest.fixture
async def source(host: ScriptedUpstream) -> AsyncIterator[PictureSource]:
    source = source_of(host, TOTAL_SECONDS)
    yield source
    await source.close()


def source_of(host: ScriptedUpstream, seconds: float) -> PictureSource:
    """Pictures of this host, for each of which there is so much time."""
    transport = Transport.connect(connections=4, connect_seconds=seconds, total_seconds=seconds)
    hosts = MediaHosts.of(host.address, ())
    return PictureSource(hosts=hosts, transport=transport, metrics=Metrics(), limit_bytes=LIMIT_BYTES)


@pytest.mark.parametrize(
    "start",
    [
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"GIF87a",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\0\0\0\x20ftypavif",
    ],
)
async def test_a_picture_is_fetched(host: ScriptedUpstream, source: PictureSource, start: bytes) -> None:
    host.answer(answer(start + b"x" * 50, b"Content-Type: application/octet-stream"))
    assert await source.find(f"{host.address}/files/a.png?b=c") == start + b"x" * 50
    [request] = host.requests
    assert request.startswith(b"GET /files/a.png?b=c HTTP/1.1\r\n")
    for name in (b"authorization", b"cookie", b"x-fal-", b"referer"):
        assert name not in request.lower()


@pytest.mark.parametrize(
    "wrong",
    [
        answer(b"<html>not a picture</html>", b"Content-Type: image/png"),
        answer(b"RIFF\0\0\0\0WAVE"),
        answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"Content-Type: image/svg+xml"),
        answer(b""),
        answer(PNG, status=b"404 Not Found"),
        answer(PNG, status=b"500 Oops"),
        answer(PNG, status=b"206 Partial Content"),
        answer(PNG, b"Location: https://fal.media/a.png", status=b"302 Found"),
        answer(PNG + b"\0" * LIMIT_BYTES),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PNG + b"\0" * LIMIT_BYTES,
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\nConnection: close\r\n\r\n" + PNG,
        b"no http at all",
        b"",
    ],
)
async def test_anything_else_is_no_picture(
    host: ScriptedUpstream, source: PictureSource, wrong: bytes
) -> None:
    host.answer(wrong)
    found = await source.find(f"{host.address}/a.png")
    assert isinstance(found, NoPicture)
    assert host.address not in found.note
    assert len(host.requests) == 1


async def test_a_redirect_is_not_followed(host: ScriptedUpstream, source: PictureSource) -> None:
    with scripted(answer(PNG)) as other:
        host.answer(answer(b"", f"Location: {other.address}/a.png".encode(), status=b"302 Found"))
        assert isinstance(await source.find(f"{host.address}/a.png"), NoPicture)
        assert other.requests == []


async def test_a_picture_that_trickles_in_has_one_deadline(host: ScriptedUpstream) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PNG)
    host.answer(head, *(PNG[at : at + 1] for at in range(len(PNG))), pause_seconds=SHORT_SECONDS / 10)
    source = source_of(host, SHORT_SECONDS)
    assert isinstance(await source.find(f"{host.address}/a.png"), NoPicture)
    await source.close()


async def test_other_hosts_are_not_even_asked(host: ScriptedUpstream, source: PictureSource) -> None:
    for url in (
        host.address.replace("127.0.0.1", "localhost") + "/a.png",
        host.address.replace("http:", "https:") + "/a.png",
        host.address.replace("http://", "http://user@") + "/a.png",
        "https://fal.media/a.png",
        "file:///etc/passwd",
        "",
    ):
        assert isinstance(await source.find(url), NoPicture)
    assert host.requests == []


async def test_a_data_uri_is_read_where_it_stands(host: ScriptedUpstream, source: PictureSource) -> None:
    encoded = b64encode(PNG).decode()
    assert await source.find(f"data:image/png;base64,{encoded}") == PNG
    assert await source.find(f"data:image/jpeg;charset=utf-8;base64,{encoded}") == PNG
    for wrong in (
        "data:image/png;base64,",
        "data:image/png;base64,%%%",
        f"data:image/png,{encoded}",
        f"data:text/html;base64,{encoded}",
        "data:image/png;base64," + b64encode(b"<html>").decode(),
        "data:image/png;base64," + b64encode(PNG + b"\0" * LIMIT_BYTES).decode(),
    ):
        assert isinstance(await source.find(wrong), NoPicture)
    assert host.requests == []


async def test_all_pictures_of_a_job_are_had_or_none(host: ScriptedUpstream, source: PictureSource) -> None:
    view = JobView(
        id=str(uuid4()), team_id=uuid4(), key_id=uuid4(), model_id="a/model", state=JobState.SUCCEEDED
    )
    url = f"{host.address}/a.png"
    assert await fetch_pictures(source, view, [url] * MOST_PICTURES) == [PNG] * MOST_PICTURES
    assert await fetch_pictures(source, view, []) == []
    for urls in ([url] * (MOST_PICTURES + 1), [url, "https://example.com/a.png"]):
        with pytest.raises(UpstreamError) as refusal:
            await fetch_pictures(source, view, urls)
        assert refusal.value.job_id == view.id
        assert view.id in refusal.value.detail
