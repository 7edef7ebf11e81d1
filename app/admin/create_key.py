"""Use case: a new key for a team."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.admin.context import AdminContext
from app.admin.describe import access_limits, allowance_limits, recorded, shown
from app.admin.find import require_key, require_team_called
from app.admin.limits import NewKey
from app.audit.trail import Change
from app.billing import allowance_repository
from app.callers.key_material import digest_of, hint_of, new_key
from app.errors import Conflict


async def create_key(
    admin: AdminContext, actor: str, new: NewKey, *, key_id: UUID | None = None
) -> dict[str, Any]:
    """Makes the key and opens its allowance; `key` is the secret, shown this once and stored nowhere.

    Whoever brings the id that the key shall have makes one key, however often the same is sent.

    Raises:
        NotFound: there is no such team.
        Conflict: the team is revoked, or there is a key of this id.
        StorageUnavailable: nothing was made.
    """
    key_id, secret = key_id or uuid7(), new_key()
    async with admin.database.transaction() as transaction:
        team = await require_team_called(transaction, new.team)
        if team["revoked_at"] is not None:
            raise Conflict(f"The team {team['name']!r} is revoked; its keys open nothing.")
        is_new = await admin.callers.within(transaction).add_key(
            key_id=key_id,
            team_id=team["id"],
            name=new.name,
            digest=digest_of(secret, admin.pepper),
            hint=hint_of(secret),
            limits=access_limits(vars(new)),
        )
        if not is_new:
            raise Conflict("This key is made already.")
        await allowance_repository.add(transaction, "key", key_id, allowance_limits(vars(new)))
        key = await require_key(transaction, key_id)
        change = Change(actor, "key.create", str(key_id), None, recorded(key))
        await admin.trail.append(transaction, change)
    return shown(key) | {"key": secret}
