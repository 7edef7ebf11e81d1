"""Use case: look at the jobs that nobody knows the cost of."""

from typing import Any, Final
from uuid import UUID

from app.admin import unknown_repository
from app.admin.context import AdminContext
from app.admin.paging import page_of
from app.billing.money import usd_or_none
from app.errors import NotFound
from app.storage.postgres import Row

LISTING: Final = ("admin unknown",)
FROM_THE_NEWEST: Final = UUID(int=2**128 - 1)

_MORE: Final = (
    "team_id",
    "key_id",
    "token_id",
    "end_user",
    "created_at",
    "completed_at",
    "told_id",
    "upstream_id",
    "cancel_requested_at",
    "has_webhook",
    "prompt",
    "has_input",
    "is_let_in",
    "settled_at",
)


async def list_unknown(admin: AdminContext, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of jobs that may or may not have been accepted upstream, newest first, until they are settled.

    Those that an operator had sent again come back when they end: they may have been paid for twice.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
    """
    before_id = admin.cursors.read(LISTING, cursor) if cursor else FROM_THE_NEWEST
    rows = await unknown_repository.unknown_jobs(admin.database, before_id, limit + 1)
    return page_of(rows, limit, show=_shown, cursor=lambda row: admin.cursors.sign(LISTING, row["id"]))


async def find_unknown(admin: AdminContext, job_id: UUID) -> dict[str, Any]:
    """All that is known of one job that is or was unknown, and what is there to have it sent again.

    Raises:
        NotFound: there is no such job, or its upstream has never been in doubt.
    """
    row = await unknown_repository.unknown_job(admin.database, job_id)
    if row is None:
        raise NotFound(f"There is no unknown job {job_id}.")
    return _shown(row) | {name: row[name] for name in _MORE}


def _shown(row: Row) -> dict[str, Any]:
    told = (
        "id",
        "team",
        "key",
        "model",
        "state",
        "since",
        "note",
        "told_at",
        "resubmitted_at",
    )
    return {name: row[name] for name in told} | {
        "reserved_usd": usd_or_none(row["reserved_micros"]),
        "charged_usd": usd_or_none(row["charged_micros"]),
    }
