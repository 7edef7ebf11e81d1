"""Use case: let go of pictures whose time is over, and take from the store what nobody refers to any more."""

from typing import Final

from app.errors import VaultUnavailable
from app.vault.context import Vault
from app.vault.kept import thumbnail_name

PICTURES_AT_ONCE: Final = 1000
# Each is one or two calls of the store.
OBJECTS_AT_ONCE: Final = 20

# An object that was touched within this time may be about to be referred to: longer than any try takes.
UNTOUCHED_SECONDS: Final = 3600.0


async def purge_images(vault: Vault, *, untouched_seconds: float = UNTOUCHED_SECONDS) -> bool:
    """One bounded step; whether there may be more to do.

    The row says that an object leaves before it does, and is gone after it has: whatever dies in between, the
    next step goes on there.

    Raises:
        StorageUnavailable: nothing is lost; a later step does it.
    """
    purged = await vault.repository.purge(PICTURES_AT_ONCE, vault.image_days)
    doubted, leaving = await vault.repository.begin_to_leave(
        OBJECTS_AT_ONCE, untouched_seconds=untouched_seconds
    )
    try:
        for name in leaving.values():
            await vault.store.delete(thumbnail_name(name))
            await vault.store.delete(name)
    except VaultUnavailable:
        # They are leaving still, and come first next time.
        return False
    if leaving:
        await vault.repository.remove(list(leaving))
    vault.metrics.purged(purged)
    return purged == PICTURES_AT_ONCE or doubted == OBJECTS_AT_ONCE
