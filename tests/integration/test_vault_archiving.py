"""Copying pictures: nothing harmful is kept, no failure is forgotten, nobody writes about another's job."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from app.vault.archive import archive_job, store_picture
from app.vault.kept import ImageState, object_name
from app.vault.schedule import TRIES
from app.vault.serve import PIECE_BYTES, ServedPicture, pieces_of
from tests.support.bad_pictures import HTML, SVG, bomb, large, polyglot
from tests.support.database import Database
from tests.support.pictures import picture
from tests.support.scripted_upstream import ScriptedUpstream, scripted
from tests.support.vault import LIMIT_BYTES, VaultBench, with_vault

PNG = picture()
OWED = """
    SELECT attempts, due_at > now() AS is_put_off, is_leased FROM work WHERE kind = 'archive' AND job_id = $1
"""


def answer(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@pytest.fixture
def host() -> Iterator[ScriptedUpstream]:
    with scripted(answer(PNG)) as host:
        yield host


def test_what_is_no_good_picture_is_refused_at_once(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    refused = [
        (HTML, "not a picture"),
        (SVG, "not a picture"),
        (bomb(60_000, 60_000), "pixels"),
        (large()[:5000], "broken"),
        (b"GIF89a/*" + HTML, "broken"),
        (PNG + b"\0" * LIMIT_BYTES, "at most"),
    ]

    async def work(bench: VaultBench) -> None:
        team_id = await bench.team()
        for content, words in refused:
            host.answer(answer(content, b"Content-Type: image/png"))
            job_id = await bench.owe(team_id, "/a.png")
            [image] = await bench.archive(job_id)
            assert (image.state, words in str(image.error)) == (ImageState.FAILED, True), (words, image.error)
            assert await bench.app.execute(OWED, job_id) == []
        assert bench.files() == []

    with_vault(database, tmp_path, host, work)


def test_only_known_hosts_are_asked_and_no_redirect_is_followed(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        team_id = await bench.team()
        port = host.address.rpartition(":")[2]
        places = ("https://example.com/a.png", f"http://localhost:{port}/a.png", "file:///etc/passwd")
        for image in await bench.archive(await bench.owe(team_id, *places)):
            assert (image.state, "address" in str(image.error)) == (ImageState.FAILED, True)
        assert host.requests == []
        with scripted(answer(PNG)) as other:
            host.answer(answer(b"", f"Location: {other.address}/a.png".encode(), status=b"302 Found"))
            [image] = await bench.archive(await bench.owe(team_id, "/a.png"))
            assert (image.state, other.requests) == (ImageState.PENDING, [])

    with_vault(database, tmp_path, host, work)


def test_what_cannot_be_had_is_tried_for_a_day_and_then_given_up(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        job_id = await bench.owe(await bench.team(), "/a.png")
        host.answer(answer(b"", status=b"503 Not now"))
        for tried in range(1, TRIES):
            [image] = await bench.archive(job_id)
            assert (image.state, image.error) == (ImageState.PENDING, "its host answered 503")
            [owed] = await bench.app.execute(OWED, job_id)
            assert dict(owed) == {"attempts": tried, "is_put_off": True, "is_leased": False}
        [image] = await bench.archive(job_id)
        assert (image.state, image.error) == (ImageState.FAILED, "its host answered 503")
        assert await bench.app.execute(OWED, job_id) == []

    with_vault(database, tmp_path, host, work)


def test_each_picture_is_kept_as_soon_as_it_can_be_had(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        job_id = await bench.owe(await bench.team(), "/a.png", "/status.png", "https://example.com/c.png")
        missing = answer(b"", status=b"404 Not Found")
        host.answer_by_path(submit=missing, status=missing, result=answer(PNG))
        states = [image.state for image in await bench.archive(job_id)]
        assert states == [ImageState.KEPT, ImageState.PENDING, ImageState.FAILED]
        [owed] = await bench.app.execute(OWED, job_id)
        assert (owed["attempts"], owed["is_put_off"]) == (0, True)
        host.answer(answer(PNG))
        states = [image.state for image in await bench.archive(job_id)]
        assert states == [ImageState.KEPT, ImageState.KEPT, ImageState.FAILED]
        assert len(host.requests) == 1

    with_vault(database, tmp_path, host, work)


def test_an_answer_without_pictures_or_without_itself_closes_the_matter(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        team_id = await bench.team()
        for body in (b"{}", b"<html>", b'{"images":[]}', b'{"images":"none"}'):
            assert await bench.archive(await bench.owe_body(team_id, body)) == []
        [image] = await bench.archive(await bench.owe_body(team_id, b'{"images":[{"url":1}]}'))
        assert image.error == "it has no address"
        host.answer(answer(b"", status=b"503 Not now"))
        forgotten = await bench.owe(team_id, "/a.png")
        await bench.archive(forgotten)
        await bench.app.execute("DELETE FROM job_results WHERE job_id = $1", forgotten)
        [image] = await bench.archive(forgotten)
        assert (image.state, image.error) == (ImageState.FAILED, "its host answered 503")
        assert await bench.app.execute("SELECT 1 FROM work") == []

    with_vault(database, tmp_path, host, work)


def test_a_picture_that_is_a_page_too_is_kept_as_it_is(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        host.answer(answer(polyglot(), b"Content-Type: text/html"))
        [image] = await bench.archive(await bench.owe(await bench.team(), "/a.png"))
        assert image.stored is not None
        assert (image.stored.media_type, image.stored.sha256) == ("image/png", sha256(polyglot()).digest())

    with_vault(database, tmp_path, host, work)


def test_a_large_picture_goes_out_in_pieces(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    content = large(1000)

    async def work(bench: VaultBench) -> None:
        name = object_name(await store_picture(bench.vault, content), sha256(content).digest())
        picture = ServedPicture(name, "image/png", '"tag"', len(content))
        pieces = [piece async for piece in pieces_of(bench.vault, picture)]
        assert [len(piece) for piece in pieces[:-1]] == [PIECE_BYTES] * (len(content) // PIECE_BYTES)
        assert (b"".join(pieces) == content, len(pieces) > 2) == (True, True)

    with_vault(database, tmp_path, host, work)


def test_whoever_lost_the_lease_writes_nothing(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        job_id = await bench.owe(await bench.team(), "/a.png")
        stalled = await bench.claim(job_id)
        taken_over = await bench.claim(job_id)
        await archive_job(bench.vault, stalled)
        assert await bench.images(job_id) == []
        [owed] = await bench.app.execute(OWED, job_id)
        assert (owed["attempts"], owed["is_leased"]) == (0, True)
        await archive_job(bench.vault, taken_over)
        assert [image.state for image in await bench.images(job_id)] == [ImageState.KEPT]

    with_vault(database, tmp_path, host, work)


def test_a_full_disk_puts_the_copying_off(database: Database, host: ScriptedUpstream, tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("where the directory should be")

    async def work(bench: VaultBench) -> None:
        job_id = await bench.owe(await bench.team(), "/a.png")
        [image] = await bench.archive(job_id)
        assert (image.state, "store" in str(image.error)) == (ImageState.PENDING, True)
        assert bench.vault.store.is_well is False
        (tmp_path / "vault").unlink()
        [image] = await bench.archive(job_id)
        assert (image.state, bench.vault.store.is_well) == (ImageState.KEPT, True)

    with_vault(database, tmp_path, host, work)
