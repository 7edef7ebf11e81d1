"""Use case: another name or other limits for a key."""

from typing import Any
from uuid import UUID

from app.admin.context import AdminContext
from app.admin.describe import access_limits, allowance_limits, shown
from app.admin.find import require_key
from app.admin.limits import Amendment
from app.admin.note_change import note_change
from app.billing import allowance_repository


async def change_key(admin: AdminContext, actor: str, key_id: UUID, amendment: Amendment) -> dict[str, Any]:
    """Changes what was given and nothing else; with another period, what is used is counted anew.

    Raises:
        NotFound: there is no such key.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        await callers.lock_key(key_id)
        before = await require_key(transaction, key_id)
        wanted = {**before, **amendment.given()}
        await callers.change_key(key_id, wanted["name"], access_limits(wanted))
        await allowance_repository.change(transaction, key_id, allowance_limits(wanted))
        after = await require_key(transaction, key_id)
        await note_change(admin, transaction, actor, "key.change", before=before, after=after)
    return shown(after)
