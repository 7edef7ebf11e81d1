"""Use case: nobody with a key is let in any more."""

from typing import Any
from uuid import UUID

from app.admin.context import AdminContext
from app.admin.describe import shown
from app.admin.find import require_key
from app.admin.note_change import note_change


async def revoke_key(admin: AdminContext, actor: str, key_id: UUID) -> dict[str, Any]:
    """Ends a key and its browser tokens within five seconds, for good; jobs under way go on.

    Raises:
        NotFound: there is no such key.
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        await callers.lock_key(key_id)
        before = await require_key(transaction, key_id)
        await callers.revoke_key(key_id)
        after = await require_key(transaction, key_id)
        await note_change(admin, transaction, actor, "key.revoke", before=before, after=after)
    return shown(after)
