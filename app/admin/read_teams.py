"""Use case: look at teams."""

from typing import Any, Final
from uuid import UUID

from app.admin import repository
from app.admin.context import AdminContext
from app.admin.describe import shown
from app.admin.find import require_team
from app.admin.paging import page_of

LISTING: Final = ("admin teams",)
FROM_THE_FIRST: Final = UUID(int=0)


async def list_teams(admin: AdminContext, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """A page of teams, oldest first, revoked and expired ones included.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
    """
    after_id = admin.cursors.read(LISTING, cursor) if cursor else FROM_THE_FIRST
    rows = await repository.teams(admin.database, after_id, limit + 1)
    return page_of(rows, limit, show=shown, cursor=lambda row: admin.cursors.sign(LISTING, row["id"]))


async def find_team(admin: AdminContext, team_id: UUID) -> dict[str, Any]:
    """One team.

    Raises:
        NotFound: there is none.
    """
    return shown(await require_team(admin.database, team_id))
