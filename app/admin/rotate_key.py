"""Use case: the same key gets another secret, and the one before lasts a little longer."""

from typing import Any
from uuid import UUID

from app.admin.context import AdminContext
from app.admin.describe import shown
from app.admin.find import require_key
from app.admin.limits import Rotation
from app.audit.trail import Change
from app.callers.key_material import digest_of, hint_of, new_key
from app.errors import Conflict
from app.storage.postgres import Row


async def rotate_key(admin: AdminContext, actor: str, key_id: UUID, rotation: Rotation) -> dict[str, Any]:
    """Replaces the secret; `key` is the new one, shown this once and stored nowhere.

    All that is counted on the key goes on. Two secrets count at most: a second rotation within the grace of
    the first ends the oldest at once. Browser tokens and sign-ins end with the secret they were begun with.

    Raises:
        NotFound: there is no such key.
        Conflict: it is revoked, or its team is; or it has another secret than was said.
        StorageUnavailable: nothing was changed.
    """
    secret = new_key()
    async with admin.database.transaction() as transaction:
        callers = admin.callers.within(transaction)
        await callers.lock_key(key_id)
        before = await require_key(transaction, key_id)
        _require_rotatable(before, rotation)
        await callers.rotate_key(
            key_id,
            digest_of(secret, admin.pepper),
            hint_of(secret),
            grace_seconds=rotation.grace_seconds,
        )
        after = await require_key(transaction, key_id)
        change = Change(actor, "key.rotate", str(key_id), _noted(before), _noted(after))
        await admin.trail.append(transaction, change)
    return shown(after) | {"key": secret}


def _require_rotatable(key: Row, rotation: Rotation) -> None:
    if key["revoked_at"] is not None:
        raise Conflict("This key is revoked for good; make a new one.")
    if key["team_revoked_at"] is not None:
        raise Conflict(f"The team {key['team']!r} is revoked; its keys open nothing.")
    if rotation.hint not in (None, key["hint"]):
        raise Conflict(
            f"This key has been rotated already: its secret ends in {key['hint']} now. Nothing was changed."
        )


def _noted(key: Row) -> dict[str, Any]:
    """What the trail keeps: by their last characters people tell secrets apart."""
    return {name: key[name] for name in ("name", "team", "hint", "previous_expires_at")}
