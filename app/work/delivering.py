"""The duty to deliver webhooks, apart from the following of jobs and fair to every receiver."""

from collections import Counter
from collections.abc import Callable, Sequence
from uuid import UUID

from app.webhooks.context import WebhookContext
from app.webhooks.deliver import deliver
from app.webhooks.delivery import ClaimedDelivery


class Delivering:
    """Delivers what is due, with a bound for each receiver: a slow one holds up its own webhooks alone.

    Teams take turns, so that one with many receivers does not keep the others waiting. Large results, each of
    which is in memory until its receiver has it, are under way in a bounded number of bytes; what waits for
    room waits in the table.

    Args:
        context: what deliveries need.
        ring: has the next tick come at once.
    """

    kind = "deliver"

    def __init__(self, context: WebhookContext, ring: Callable[[], None]) -> None:
        self._context = context
        self._ring = ring
        self._busy = Counter[str]()
        self._held = Counter[UUID]()
        self._large_bytes = 0

    @property
    def slots(self) -> int:
        """Webhooks that are under way side by side."""
        return self._context.slots

    async def claim(self, limit: int) -> Sequence[ClaimedDelivery]:
        """Webhooks that are due, but for those to receivers that have as many under way as they may."""
        claimed = await self._context.repository.claim_due(
            limit,
            per_host=self._context.slots_per_host,
            busy=self._busy,
            held=self._held,
            room_bytes=self._context.room_bytes - self._large_bytes,
        )
        self._large_bytes += sum(owed.large_bytes for owed in claimed)
        self._busy.update(owed.host for owed in claimed)
        self._held.update(owed.team_id for owed in claimed)
        return claimed

    async def step(self, owed: ClaimedDelivery) -> None:
        """Delivers one webhook and writes what came of it."""
        try:
            await deliver(self._context, owed)
        finally:
            self._leave(owed)
            self._held[owed.team_id] -= 1
            if self._held[owed.team_id] <= 0:
                del self._held[owed.team_id]

    def _leave(self, owed: ClaimedDelivery) -> None:
        is_host_full = self._busy[owed.host] >= self._context.slots_per_host
        is_room_full = owed.large_bytes > 0 and self._large_bytes >= self._context.room_bytes
        self._large_bytes -= owed.large_bytes
        self._busy[owed.host] -= 1
        if self._busy[owed.host] <= 0:
            del self._busy[owed.host]
        if is_host_full or is_room_full:
            # Others to the same receiver, or other large ones, may have been left due for its sake.
            self._ring()
