"""The small loop beside the worker: keeps sums and words fresh, and puts away what is past its time.

Nothing waits for it. Reports catch up by themselves, and what is past its time is not believed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from app.audit.roll_up import roll_up_piece
from app.audit.write_words import write_words_piece
from app.errors import StorageUnavailable
from app.retention.purge import purge_piece
from app.retention.repository import RetentionRepository
from app.storage.postgres import Database
from app.vault.context import Vault
from app.vault.purge import purge_images
from app.work.housekeeping_statements import PURGES

ROUND_SECONDS: Final = 3.0
PURGE_SECONDS: Final = 60.0

Chore = Callable[[], Awaitable[None]]

log = structlog.get_logger()


class Housekeeping:
    """Runs until it is told to stop; any number of processes may do this at once.

    Without a vault no pictures are purged.
    """

    def __init__(
        self,
        database: Database,
        retention: RetentionRepository,
        vault: Vault | None = None,
        *,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self._database = database
        self._retention = retention
        self._vault = vault
        self._round_seconds = round_seconds
        self._stopping = asyncio.Event()
        self._purge_at = 0.0
        self._is_storage_there = True

    def stop(self) -> None:
        """Begins nothing more; `run` returns when the statement under way has ended. Twice is once."""
        self._stopping.set()

    async def run(self) -> None:
        """One round after another, with a rest between them."""
        while not self._stopping.is_set():
            await self._round()
            try:
                await asyncio.wait_for(self._stopping.wait(), self._round_seconds)
            except TimeoutError:
                continue

    async def _round(self) -> None:
        chores: dict[str, Chore] = {"roll up": self._roll_up, "write words": self._write_words}
        if time.monotonic() >= self._purge_at:
            self._purge_at = time.monotonic() + PURGE_SECONDS
            chores |= {"purge": self._purge, "retain": self._retain}
        try:
            for name, chore in chores.items():
                await self._do(name, chore)
        except StorageUnavailable as error:
            self._purge_at = 0.0
            self._tell(error.detail)
        else:
            self._tell(None)

    async def _do(self, name: str, chore: Chore) -> None:
        """One chore. A fault of ours in it is told, and keeps nobody from the others: nothing waits for them.

        Raises:
            StorageUnavailable: the others would find the same.
        """
        try:
            await chore()
        except StorageUnavailable:
            raise
        except Exception:
            log.exception("housekeeping.failed", chore=name)

    async def _roll_up(self) -> None:
        """A piece at a time: after an upgrade, or a long stop, there may be very many."""
        is_more = True
        while is_more and not self._stopping.is_set():
            _, is_more = await roll_up_piece(self._database)

    async def _write_words(self) -> None:
        """The same for the words by which prompts are found."""
        is_more = True
        while is_more and not self._stopping.is_set():
            is_more = await write_words_piece(self._database)

    async def _purge(self) -> None:
        """Each kind until little is left of it, a bounded step at a time."""
        for statement, rows_at_once in PURGES:
            number = rows_at_once
            while number == rows_at_once and not self._stopping.is_set():
                [gone] = await self._database.execute(statement, rows_at_once)
                number = gone["number"]
        is_more = self._vault is not None
        while is_more and self._vault is not None and not self._stopping.is_set():
            is_more = await purge_images(self._vault)

    async def _retain(self) -> None:
        """A piece of what teams keep no longer; where there is more, the next one comes with the next round.

        In between sums are made: jobs stay until they are in them.
        """
        piece = await purge_piece(self._retention)
        self._purge_at = time.monotonic() + (0.0 if piece.is_more else PURGE_SECONDS)

    def _tell(self, fault: str | None) -> None:
        """One line when the store goes away, and one when it is back."""
        if fault is not None and self._is_storage_there:
            log.warning("housekeeping.storage_unavailable", error=fault)
        if fault is None and not self._is_storage_there:
            log.info("housekeeping.storage_available")
        self._is_storage_there = fault is None
