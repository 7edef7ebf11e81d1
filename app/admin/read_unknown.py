"""Use case: look at the jobs that nobody knows the cost of."""

from typing import Any, Final
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.paging import page_of
from app.billing.money import usd_or_none
from app.storage.postgres import Row

LISTING: Final = ("admin unknown",)
FROM_THE_NEWEST: Final = UUID(int=2**128 - 1)


async def list_unknown(admin: AdminContext, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of jobs that may or may not have been accepted upstream, newest first, until they are settled.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
    """
    before_id = admin.cursors.read(LISTING, cursor) if cursor else FROM_THE_NEWEST
    rows = await unknown_repository.unknown_jobs(admin.database, before_id, limit + 1)
    return page_of(rows, limit, show=_shown, cursor=lambda row: admin.cursors.sign(LISTING, row["id"]))


def _shown(row: Row) -> dict[str, Any]:
    told = ("id", "team", "key", "model", "state", "since", "note", "told_at")
    return {name: row[name] for name in told} | {
        "reserved_usd": usd_or_none(row["reserved_micros"]),
        "charged_usd": usd_or_none(row["charged_micros"]),
    }
