"""Use case: copy the pictures of one job, as far as they can be had, and write what came of it."""

import asyncio
import time
from hashlib import sha256
from typing import Final

import structlog

from app.errors import VaultUnavailable
from app.upstream.answer_pictures import urls_in
from app.upstream.pictures import NoPicture
from app.vault.context import STEP_SECONDS, Vault
from app.vault.kept import ImageState, object_name, thumbnail_name
from app.vault.picture import UnfitPictureError, examine_picture
from app.vault.repository import ClaimedArchive, Missing, OwedPictures
from app.vault.schedule import after_try

# Eight times what any listed model makes at once; what lies behind is not archived.
MOST_PICTURES: Final = 32

log = structlog.get_logger()


async def archive_job(vault: Vault, claimed: ClaimedArchive) -> None:
    """One try. What is kept stays kept; what could not be had is tried again, for a day.

    Raises:
        StorageUnavailable: the lease brings the job back.
    """
    owed = await vault.repository.owed(claimed.job_id)
    if owed is None or owed.body is None:
        # The job, or its answer, was forgotten in the meantime.
        await vault.repository.settle(claimed, None, [], None, failed_tries=0)
        return
    urls = (await urls_in(owed.body))[:MOST_PICTURES]
    failures = await _archive_pictures(vault, claimed, owed, urls)
    todo = sum(place not in owed.settled for place in range(len(urls)))
    failed_tries, again_in = after_try(
        claimed.failed_tries, got_something=len(failures) < todo, jitter=vault.jitter()
    )
    if all(failure.is_final for failure in failures.values()):
        again_in = None
    missing = [_missing(place, failure, again_in) for place, failure in failures.items()]
    if await vault.repository.settle(claimed, owed.team_id, missing, again_in, failed_tries=failed_tries):
        _tell(vault, claimed, missing, failed_tries)
    else:
        log.info("archive.fenced", job_id=str(claimed.job_id))


async def _archive_pictures(
    vault: Vault, claimed: ClaimedArchive, owed: OwedPictures, urls: list[str | None]
) -> dict[int, NoPicture]:
    """One after another, so that a job holds one picture in memory; the places of those that failed."""
    until = time.monotonic() + STEP_SECONDS
    failures: dict[int, NoPicture] = {}
    for place, url in enumerate(urls):
        if place in owed.settled:
            continue
        failure: NoPicture | None = NoPicture("its turn did not come in time")
        if url is None:
            failure = NoPicture("it has no address", is_final=True)
        elif time.monotonic() < until:
            failure = await _archive_picture(vault, claimed, owed, place, url)
        if failure is not None:
            failures[place] = failure
    return failures


async def _archive_picture(
    vault: Vault, claimed: ClaimedArchive, owed: OwedPictures, place: int, url: str
) -> NoPicture | None:
    """Copies one picture: its bytes first, the row that refers to them afterwards."""
    content = await vault.source.find(url)
    if isinstance(content, NoPicture):
        return content
    try:
        object_id = await store_picture(vault, content)
    except UnfitPictureError as fault:
        return NoPicture(str(fault), is_final=True)
    except VaultUnavailable as fault:
        return NoPicture(fault.detail)
    if not await vault.repository.keep(claimed, owed.team_id, place, object_id):
        return NoPicture("it was taken over by another try")
    vault.metrics.kept(len(content))
    return None


async def store_picture(vault: Vault, content: bytes) -> int:
    """Puts a picture into the store if it is fit for it; the id of its content.

    Until a row refers to it, it is one that perhaps nobody refers to, and is taken away after an hour.

    Raises:
        UnfitPictureError: it is no picture that is kept.
        VaultUnavailable, StorageUnavailable: it may be in the store or not.
    """
    async with vault.decoding:
        digest = (await asyncio.to_thread(sha256, content)).digest()
        picture = await asyncio.to_thread(examine_picture, content)
    object_id = await vault.repository.register(digest, len(content), picture)
    name = object_name(object_id, digest)
    if picture.thumbnail is not None:
        await vault.store.put(thumbnail_name(name), picture.thumbnail)
    await vault.store.put(name, content)
    return object_id


def _missing(place: int, failure: NoPicture, again_in: float | None) -> Missing:
    is_open = again_in is not None and not failure.is_final
    return Missing(place, ImageState.PENDING if is_open else ImageState.FAILED, failure.note)


def _tell(vault: Vault, claimed: ClaimedArchive, missing: list[Missing], failed_tries: int) -> None:
    for one in missing:
        vault.metrics.missing("failed" if one.state is ImageState.FAILED else "retried")
        tell = log.warning if one.state is ImageState.FAILED else log.info
        tell(
            "archive.missing",
            job_id=str(claimed.job_id),
            place=one.place,
            state=one.state,
            reason=one.error,
            failed_tries=failed_tries,
        )
