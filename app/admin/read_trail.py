"""Use case: look at the trail of administrative changes."""

from typing import Any, Final
from uuid import UUID

import orjson

from app.admin.context import AdminContext
from app.admin.paging import page_of
from app.audit import trail_repository
from app.audit.chain import Head
from app.storage.postgres import Row

LISTING: Final = ("admin audit",)
FROM_THE_NEWEST: Final = 2**63 - 1


async def list_trail(admin: AdminContext, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of changes, newest first.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
    """
    before_id = admin.cursors.read(LISTING, cursor).int if cursor else FROM_THE_NEWEST
    rows = await trail_repository.page(admin.database, before_id, limit + 1)
    return page_of(
        rows, limit, show=_shown, cursor=lambda row: admin.cursors.sign(LISTING, UUID(int=row["id"]))
    )


async def verify_trail(admin: AdminContext, noted: Head | None = None) -> dict[str, Any]:
    """Whether the whole trail is the one that was written; `head` is worth noting somewhere else.

    Args:
        admin: where the trail is.
        noted: a head that was noted earlier; the trail must still contain it.
    """
    verdict = await admin.trail.verify(admin.database, noted)
    return {
        "is_whole": verdict.is_whole,
        "rows": verdict.rows,
        "head": None if verdict.head is None else str(verdict.head),
        "problems": [{"id": problem.row_id, "detail": problem.detail} for problem in verdict.problems],
    }


def _shown(row: Row) -> dict[str, Any]:
    """A change; what it was before and after is read as JSON again, or left as a text where it is none."""
    read = {name: _read(row[name]) for name in ("before", "after")}
    return {name: row[name] for name in ("id", "at", "actor", "action", "subject_id")} | read


def _read(text: str | None) -> object:
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
