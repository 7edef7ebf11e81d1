"""Use case: pages of jobs, newest first, for a team, a browser token or the operator."""

from dataclasses import asdict
from typing import Any

from app.audit.cursor import Cursors
from app.audit.job_filters import JobFilters, Sight
from app.audit.report_repository import ReportRepository
from app.audit.shown_job import shown_job


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
        StorageUnavailable: the database does not answer.
    """
    listing = listing_of(sight, filters)
    before = None if cursor is None else cursors.read(listing, cursor)
    rows = await reports.jobs(sight, filters, before=before, limit=limit + 1)
    page = rows[:limit]
    next_cursor = cursors.sign(listing, page[-1]["id"]) if len(rows) > limit else None
    return {"items": [shown_job(row) for row in page], "next_cursor": next_cursor}


def listing_of(sight: Sight, filters: JobFilters) -> list[object]:
    """What the cursors of a listing are bound to. Pure."""
    return ["jobs", asdict(sight), asdict(filters)]
