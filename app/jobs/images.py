"""Use cases: the pictures of a job with fresh links; the pictures of a team that have a certain content."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.audit.cursor import Cursors
from app.callers.caller import Caller
from app.jobs.context import JobContext
from app.jobs.read import read_job
from app.upstream.answer_pictures import urls_in
from app.vault.context import Vault
from app.vault.kept import ImageState, KeptImage, shown_image
from app.vault.links import VaultLinks

NOT_KEPT = "not_kept"


async def images_of_job(context: JobContext, vault: Vault, caller: Caller, job_id: str) -> dict[str, Any]:
    """Every picture of a job: how it stands in the vault, and where it is.

    Raises:
        NotFound: there is no such job, or it is not for this caller to see.
        StorageUnavailable: the database does not answer.
    """
    view = await read_job(context, caller, job_id)
    made_by = view.source_job_id or UUID(view.id)
    kept = (await vault.repository.of_jobs([made_by])).get(made_by, {})
    urls = [] if view.answer is None else _web_addresses(await urls_in(view.answer.body))
    is_owed = len(kept) < len(urls) and await vault.repository.is_owed(made_by)
    without = ImageState.PENDING if is_owed else NOT_KEPT
    places = range(max([len(urls), *(place + 1 for place in kept)]))
    items = [
        _shown(place, urls[place] if place < len(urls) else None, kept.get(place), without, vault.links)
        for place in places
    ]
    return {"job_id": view.id, "items": items}


async def images_with_content(
    vault: Vault, cursors: Cursors, caller: Caller, sha256: bytes, *, cursor: str | None, limit: int
) -> dict[str, Any]:
    """One page of a team's jobs that have this content, the newest first, and the cursor of the next.

    What other teams keep is not looked at: what is theirs and what is nowhere is the same.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
        StorageUnavailable: the database does not answer.
    """
    listing = ["images", str(caller.team_id), sha256.hex()]
    before = None if cursor is None else cursors.read(listing, cursor)
    found = await vault.repository.with_content(sha256, caller.team_id, before=before, limit=limit + 1)
    page = found[:limit]
    next_cursor = cursors.sign(listing, page[-1].job_id) if len(found) > limit else None
    items = [{"job_id": str(image.job_id), **_kept(image, vault.links)} for image in page]
    return {"items": items, "next_cursor": next_cursor}


def _web_addresses(urls: list[str | None]) -> list[str | None]:
    """The same without those that hold the picture itself."""
    return [None if url is None or url[:5].lower() == "data:" else url for url in urls]


def _shown(
    place: int, url: str | None, image: KeptImage | None, without: str, links: VaultLinks
) -> Mapping[str, Any]:
    told = {"index": place, "state": without} if image is None else _kept(image, links)
    return {**told, "url": url}


def _kept(image: KeptImage, links: VaultLinks) -> dict[str, Any]:
    return {
        "index": image.place,
        "state": image.state,
        "error": image.error,
        "created_at": image.created_at,
        **shown_image(image, links),
    }
