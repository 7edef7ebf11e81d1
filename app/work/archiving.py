"""The duty to copy the pictures of jobs whose teams want them kept."""

from collections.abc import Sequence

from app.vault.archive import archive_job
from app.vault.context import Vault
from app.vault.repository import ClaimedArchive


class Archiving:
    """Archives what is due, a few jobs at a time: pictures are large, and nobody waits for them."""

    kind = "archive"

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    @property
    def slots(self) -> int:
        """Jobs whose pictures are archived side by side."""
        return self._vault.slots

    async def claim(self, limit: int) -> Sequence[ClaimedArchive]:
        """Jobs whose pictures are due, those that have waited longest first."""
        return await self._vault.repository.claim_due(limit)

    async def step(self, owed: ClaimedArchive) -> None:
        """Archives the pictures of one job and writes what came of it."""
        await archive_job(self._vault, owed)
