"""Use case: pages of jobs, newest first, for a team, a browser token or the operator."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from app.audit.cursor import Cursors
from app.audit.job_filters import JobFilters, Sight
from app.audit.kept_images import kept_beside
from app.audit.model_days import within_days_of_model
from app.audit.report_repository import ReportRepository
from app.audit.shown_job import NOTHING_KEPT, shown_job
from app.errors import InvalidInput
from app.storage.postgres import Row, TookTooLongError


async def list_jobs(
    reports: ReportRepository,
    cursors: Cursors,
    sight: Sight,
    filters: JobFilters,
    *,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page, and the cursor of the next; null when there is none.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
        InvalidInput: there is too much to look through for the words.
        StorageUnavailable: the database does not answer.
    """
    listing = listing_of(sight, filters)
    before = None if cursor is None else cursors.read(listing, cursor)
    rows = await _find(reports, sight, filters, before=before, limit=limit + 1)
    page = rows[:limit]
    next_cursor = cursors.sign(listing, page[-1]["id"]) if len(rows) > limit else None
    kept = await kept_beside(reports.vault, page)
    items = [shown_job(row, kept.get(row["id"], NOTHING_KEPT)) for row in page]
    return {"items": items, "next_cursor": next_cursor}


async def _find(
    reports: ReportRepository, sight: Sight, filters: JobFilters, *, before: UUID | None, limit: int
) -> Sequence[Row]:
    narrowed = await within_days_of_model(reports, sight, filters)
    if narrowed is None:
        return []
    if not filters.words:
        return await reports.jobs(sight, narrowed, before=before, limit=limit)
    try:
        return await reports.jobs_found(sight, narrowed, before=before, limit=limit)
    except TookTooLongError as error:
        message = "q: this takes too long; ask for less time, one model or one key, or for a rarer word"
        raise InvalidInput([{"loc": ["query", "q"], "msg": message, "type": "too_much_to_search"}]) from error


def listing_of(sight: Sight, filters: JobFilters) -> list[object]:
    """What the cursors of a listing are bound to. Pure."""
    return ["jobs", asdict(sight), asdict(filters)]
