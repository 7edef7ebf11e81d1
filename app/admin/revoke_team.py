"""Use case: nobody of a team is let in any more."""

from typing import Any
from uuid import UUID

from app.admin.context import AdminContext
from app.admin.describe import shown
from app.admin.find import require_team
from app.admin.note_change import note_change


async def revoke_team(admin: AdminContext, actor: str, team_id: UUID) -> dict[str, Any]:
    """Ends all keys and browser tokens of a team within five seconds, for good; jobs under way go on.

    Raises:
        NotFound: there is no such team.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        await callers.lock_team(team_id)
        before = await require_team(transaction, team_id)
        await callers.revoke_team(team_id)
        after = await require_team(transaction, team_id)
        await note_change(admin, transaction, actor, "team.revoke", before=before, after=after)
    return shown(after)
