"""Pictures go when their time is over, and their bytes when nobody needs them; whatever dies in between."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app.vault.archive import archive_job, store_picture
from app.vault.kept import ImageState, object_name, thumbnail_name
from app.vault.purge import OBJECTS_AT_ONCE, purge_images
from app.vault.repository import forget_job_images
from app.work.housekeeping import Housekeeping
from tests.support.database import Database
from tests.support.pictures import picture
from tests.support.retention import retention_on
from tests.support.scripted_upstream import ScriptedUpstream, scripted
from tests.support.vault import VaultBench, with_vault
from tests.support.waiting import PATIENCE_SECONDS

PNG = picture()
AGE = "UPDATE images SET created_at = now() - make_interval(days => $2) WHERE job_id = $1"
UNTOUCHED = "UPDATE vault_objects SET touched_at = now() - interval '2 hours'"


@pytest.fixture
def host() -> Iterator[ScriptedUpstream]:
    with scripted(serving(PNG)) as host:
        yield host


def serving(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def kept(bench: VaultBench, team_id: UUID, *, days_old: int = 0) -> UUID:
    """A job whose picture was kept so long ago."""
    job_id = await bench.owe(team_id, "/a.png")
    [image] = await bench.archive(job_id)
    assert image.state is ImageState.KEPT
    await bench.app.execute(AGE, job_id, days_old)
    return job_id


async def state(bench: VaultBench, job_id: UUID) -> ImageState:
    [image] = await bench.images(job_id)
    return image.state


async def purge(bench: VaultBench) -> None:
    """All that a purge an hour later would do."""
    await bench.app.execute(UNTOUCHED)
    while await purge_images(bench.vault):
        pass


def test_pictures_go_when_their_team_or_the_setting_says_so(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        short, long, silent = (
            await bench.team(image_days=2),
            await bench.team(image_days=30),
            await bench.team(),
        )
        ages = {short: (1, 3), long: (29, 31), silent: (6, 8)}
        jobs = {(team, age): await kept(bench, team, days_old=age) for team in ages for age in ages[team]}
        await purge(bench)
        states = {key: await state(bench, job_id) for key, job_id in jobs.items()}
        assert states == {
            (team, age): ImageState.KEPT if age == min(ages[team]) else ImageState.PURGED
            for team in ages
            for age in ages[team]
        }
        assert len(bench.files()) == 2

    with_vault(database, tmp_path, host, work, image_days=7)


def test_without_a_word_pictures_are_kept_for_ever(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        job_id = await kept(bench, await bench.team(), days_old=30_000)
        await purge(bench)
        assert await state(bench, job_id) is ImageState.KEPT

    with_vault(database, tmp_path, host, work)


def test_what_two_jobs_share_stays_until_both_have_gone(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        first = await kept(bench, await bench.team(image_days=1), days_old=2)
        second = await kept(bench, await bench.team())
        files = bench.files()
        assert len(files) == 2
        await purge(bench)
        assert (await state(bench, first), await state(bench, second)) == (ImageState.PURGED, ImageState.KEPT)
        assert bench.files() == files
        assert await forget_job_images(bench.app, [second]) == 1
        await purge(bench)
        assert (bench.files(), await bench.images(second)) == ([], [])
        assert await bench.app.execute("SELECT 1 FROM vault_objects") == []

    with_vault(database, tmp_path, host, work)


def test_the_bytes_of_a_copy_that_was_not_finished_go(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    """Dead between the bytes and the row: they stay for an hour, as a row may be about to refer to them."""

    async def work(bench: VaultBench) -> None:
        await store_picture(bench.vault, PNG)
        assert not await purge_images(bench.vault)
        assert len(bench.files()) == 2
        await purge(bench)
        assert bench.files() == []

    with_vault(database, tmp_path, host, work)


def test_a_copy_that_was_not_finished_is_made_anew(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        await store_picture(bench.vault, PNG)
        files = bench.files()
        await kept(bench, await bench.team())
        await purge(bench)
        assert bench.files() == files

    with_vault(database, tmp_path, host, work)


def test_the_same_bytes_that_come_while_the_old_ones_leave_are_others(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    """A purge that stalls before it deletes cannot take what was stored meanwhile."""

    async def work(bench: VaultBench) -> None:
        await store_picture(bench.vault, PNG)
        await bench.app.execute(UNTOUCHED)
        _, leaving = await bench.vault.repository.begin_to_leave(10, untouched_seconds=3600)
        [(old_id, old_name)] = leaving.items()
        job_id = await kept(bench, await bench.team())
        for name in (old_name, thumbnail_name(old_name)):
            await bench.vault.store.delete(name)
        await bench.vault.repository.remove([old_id])
        [image] = await bench.images(job_id)
        assert image.stored is not None
        assert await bench.vault.store.whole(image.stored.name) == PNG

    with_vault(database, tmp_path, host, work)


def test_a_copy_that_stalls_until_its_bytes_leave_starts_again(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        team_id = await bench.team()
        job_id = await bench.owe(team_id, "/a.png")
        claimed = await bench.claim(job_id)
        object_id = await store_picture(bench.vault, PNG)
        await purge(bench)
        assert not await bench.vault.repository.keep(claimed, team_id, 0, object_id)
        assert await bench.images(job_id) == []
        [image] = await bench.archive(job_id)
        assert image.stored is not None
        assert await bench.vault.store.whole(image.stored.name) == PNG

    with_vault(database, tmp_path, host, work)


def test_a_purge_that_died_is_finished_by_the_next(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        object_id = await store_picture(bench.vault, PNG)
        await bench.app.execute(UNTOUCHED)
        _, leaving = await bench.vault.repository.begin_to_leave(10, untouched_seconds=3600)
        await bench.vault.store.delete(leaving[object_id])
        assert len(bench.files()) == 1
        assert not await purge_images(bench.vault)
        assert bench.files() == []
        assert await bench.app.execute("SELECT 1 FROM vault_objects") == []

    with_vault(database, tmp_path, host, work)


def test_no_row_ever_refers_to_bytes_that_have_gone(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    """Several keep and forget the same picture while a purge that waits for nobody runs beside them."""

    async def work(bench: VaultBench) -> None:
        team_id = await bench.team()

        async def keep_and_forget() -> None:
            for number in range(15):
                await bench.owe(team_id, "/a.png")
                claimed = await bench.vault.repository.claim_due(2)
                for one in claimed:
                    await archive_job(bench.vault, one)
                if number % 3:
                    await forget_job_images(bench.app, [one.job_id for one in claimed])

        async def purge_until(done: asyncio.Event) -> None:
            while not done.is_set():
                await purge_images(bench.vault, untouched_seconds=0.0)

        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            purging = [group.create_task(purge_until(done)) for _ in range(2)]
            keeping = [group.create_task(keep_and_forget()) for _ in range(4)]
            await asyncio.wait(keeping)
            done.set()
            await asyncio.wait(purging)
        rows = await bench.app.execute("SELECT DISTINCT job_id FROM images WHERE state = 'kept'")
        for row in rows:
            [image] = await bench.images(row["job_id"])
            assert image.stored is not None
            assert await bench.vault.store.whole(image.stored.name) == PNG
        # One that another try has taken over, on a slow machine, is not kept and has its bytes for that try.
        known = await bench.app.execute("SELECT DISTINCT job_id FROM images")
        await forget_job_images(bench.app, [row["job_id"] for row in known])
        await purge(bench)
        assert (len(rows) > 0, bench.files()) == (True, [])

    with_vault(database, tmp_path, host, work)


def test_a_store_that_is_away_is_purged_when_it_is_back(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        await store_picture(bench.vault, PNG)
        await bench.app.execute(UNTOUCHED)
        away = bench.directory.with_name("away")
        bench.directory.rename(away)
        bench.directory.write_text("no directory")
        assert not await purge_images(bench.vault)
        assert len(await bench.app.execute("SELECT 1 FROM vault_objects WHERE is_leaving")) == 1
        bench.directory.unlink()
        away.rename(bench.directory)
        assert not await purge_images(bench.vault)
        assert (bench.files(), await bench.app.execute("SELECT 1 FROM vault_objects")) == ([], [])

    with_vault(database, tmp_path, host, work)


def test_the_housekeeping_lets_go_of_pictures(
    database: Database, host: ScriptedUpstream, tmp_path: Path
) -> None:
    async def work(bench: VaultBench) -> None:
        job_id = await kept(bench, await bench.team(image_days=1), days_old=2)
        await bench.app.execute(UNTOUCHED)
        housekeeping = Housekeeping(bench.app, retention_on(bench.app), bench.vault, round_seconds=60.0)
        async with asyncio.TaskGroup() as group:
            group.create_task(housekeeping.run())
            async with asyncio.timeout(PATIENCE_SECONDS):
                while bench.files():  # noqa: ASYNC110 # there is nothing else to wait for
                    await asyncio.sleep(0.02)
            housekeeping.stop()
        assert (await state(bench, job_id), bench.files()) == (ImageState.PURGED, [])

    with_vault(database, tmp_path, host, work)


def test_much_goes_in_steps_of_few(database: Database, host: ScriptedUpstream, tmp_path: Path) -> None:
    async def work(bench: VaultBench) -> None:
        for number in range(OBJECTS_AT_ONCE + 1):
            await store_picture(bench.vault, picture(colour=(number, 0, 0)))
        await bench.app.execute(UNTOUCHED)
        assert await purge_images(bench.vault)
        assert len(bench.files()) == 2
        assert not await purge_images(bench.vault)
        assert bench.files() == []

    with_vault(database, tmp_path, host, work)


def test_a_name_is_made_of_the_digest() -> None:
    digest = bytes(range(32))
    assert object_name(7, digest) == f"00/{digest.hex()}-7"
