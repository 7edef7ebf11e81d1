"""Use case: look at keys; their secrets are nowhere to be seen."""

from typing import Any, Final
from uuid import UUID

from app.admin import repository
from app.admin.context import AdminContext
from app.admin.describe import shown
from app.admin.find import require_key, require_team_called
from app.admin.paging import page_of

FROM_THE_FIRST: Final = UUID(int=0)


async def list_keys(
    admin: AdminContext, *, team: str | None, cursor: str | None, limit: int
) -> dict[str, Any]:
    """A page of keys, oldest first, revoked and expired ones included; of one team by its name or id.

    Raises:
        NotFound: there is no such team.
        InvalidCursor: the cursor is not one of this listing with this filter.
    """
    team_id = None if team is None else (await require_team_called(admin.database, team))["id"]
    listing = ("admin keys", team_id)
    after_id = admin.cursors.read(listing, cursor) if cursor else FROM_THE_FIRST
    rows = await repository.keys(admin.database, after_id, limit + 1, team_id=team_id)
    return page_of(rows, limit, show=shown, cursor=lambda row: admin.cursors.sign(listing, row["id"]))


async def find_key(admin: AdminContext, key_id: UUID) -> dict[str, Any]:
    """One key.

    Raises:
        NotFound: there is none.
    """
    return shown(await require_key(admin.database, key_id))
