"""Use case: an operator says that this database is an older state of itself."""

from typing import Final

from app.admin import restored_repository
from app.admin.context import AdminContext
from app.audit.trail import Change

NOTE: Final = "the database was restored from a backup: it may have been sent since then"
SUBJECT: Final = "database"


async def declare_restored(admin: AdminContext, actor: str) -> int:
    """Keeps the jobs that waited to be sent from being sent again; returns how many there were.

    Whoever followed them may have sent them after the backup was made. They become unknown as soon as a
    worker runs, with their money held, and are settled like every unknown job. What the upstream had taken
    already is followed as before.

    Raises:
        StorageUnavailable: nothing was changed.
    """
    async with admin.database.transaction() as transaction:
        held = await restored_repository.hold_accepted(transaction, NOTE)
        change = Change(actor, "database.restore", SUBJECT, None, {"held_jobs": held})
        await admin.trail.append(transaction, change)
    return held
