"""The row in the audit trail of a change of a team or a key."""

from app.admin.context import AdminContext
from app.admin.describe import recorded
from app.audit.trail import Change
from app.storage.postgres import Row, Transaction


async def note_change(
    admin: AdminContext, transaction: Transaction, actor: str, action: str, *, before: Row, after: Row
) -> None:
    """Writes down what was and what is now; what changes nothing leaves no row."""
    if recorded(before) != recorded(after):
        change = Change(actor, action, str(after["id"]), recorded(before), recorded(after))
        await admin.trail.append(transaction, change)
