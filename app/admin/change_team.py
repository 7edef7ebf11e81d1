"""Use case: another name, other limits, or another policy for a team."""

from typing import Any
from uuid import UUID

from app.admin.context import AdminContext
from app.admin.describe import access_limits, allowance_limits, policy, shown
from app.admin.find import require_team
from app.admin.limits import Amendment
from app.admin.note_change import note_change
from app.billing import allowance_repository
from app.callers.repository import CallerRepository
from app.errors import Conflict


async def change_team(admin: AdminContext, actor: str, team_id: UUID, amendment: Amendment) -> dict[str, Any]:
    """Changes what was given and nothing else; with another period, what is used is counted anew.

    Raises:
        NotFound: there is no such team.
        InvalidInput: what would be kept then does not go together.
        Conflict: the name is another team's.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        if amendment.name:
            await _require_free(callers, amendment.name, team_id)
        await callers.lock_team(team_id)
        before = await require_team(transaction, team_id)
        wanted = {**before, **amendment.given()}
        await callers.change_team(team_id, wanted["name"], access_limits(wanted), policy(wanted))
        await allowance_repository.change(transaction, team_id, allowance_limits(wanted))
        after = await require_team(transaction, team_id)
        await note_change(admin, transaction, actor, "team.change", before=before, after=after)
    return shown(after)


async def _require_free(callers: CallerRepository, name: str, team_id: UUID) -> None:
    await callers.lock_names()
    if await callers.name_holder(name) not in (None, team_id):
        raise Conflict(f"There is a team {name!r} already.")
