"""Use case: a new team."""

from typing import Any

from uuid_utils.compat import uuid7

from app.admin.context import AdminContext
from app.admin.describe import access_limits, allowance_limits, policy, recorded, shown
from app.admin.find import require_team
from app.admin.limits import NewTeam
from app.audit.trail import Change
from app.billing import allowance_repository
from app.errors import Conflict


async def create_team(admin: AdminContext, actor: str, new: NewTeam) -> dict[str, Any]:
    """Makes the team and opens its allowance.

    Raises:
        InvalidInput: what is to be kept does not go together.
        Conflict: the name is taken.
        StorageUnavailable: nothing was made.
    """
    team_id, kept = uuid7(), policy(vars(new))
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        await callers.lock_names()
        if await callers.name_holder(new.name) is not None:
            raise Conflict(f"There is a team {new.name!r} already.")
        await callers.add_team(team_id, new.name, access_limits(vars(new)), kept)
        await allowance_repository.add(transaction, "team", team_id, allowance_limits(vars(new)))
        team = await require_team(transaction, team_id)
        change = Change(actor, "team.create", str(team_id), None, recorded(team))
        await admin.trail.append(transaction, change)
    return shown(team)
