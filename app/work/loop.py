"""The background workers' loop: sleep until something is due, wake, stop, and say how it is."""

import asyncio
import heapq
import time
from typing import Generic

import structlog

from app.errors import StorageUnavailable
from app.operations.metrics import Metrics
from app.work.pace import Pace
from app.work.tick import Duty, Owed, Steps, run_tick

log = structlog.get_logger()

# The timer is the truth: work of other processes is found by it, whoever forgets to wake us.
IDLE_SECONDS = 0.5
# What comes due within a breath is claimed together, and two claims are at least so far apart: under load
# many jobs share one statement, and a job that comes due alone waits for the breath only. Where one claim
# brought a crowd the next is awaited longer: what so many cost is mostly the statements' own.
BREATH_SECONDS = 0.02
APART_SECONDS = 0.1
CROWD_APART_SECONDS = 0.2
CROWD = 8
AFTER_FAULT_SECONDS = 1.0


class Alarm:
    """Rings when the next thing that this process knows of comes due."""

    def __init__(self) -> None:
        self._rings_at: list[float] = []
        self._changed = asyncio.Event()

    def due_in(self, seconds: float) -> None:
        """Something comes due in so many seconds."""
        rings_at = time.monotonic() + seconds
        if not self._rings_at or rings_at < self._rings_at[0]:
            self._changed.set()
        heapq.heappush(self._rings_at, rings_at)

    def now(self) -> None:
        """Something is due."""
        self.due_in(0.0)

    async def wait(self, longest_seconds: float) -> None:
        """Sleeps until the alarm rings, but no longer than told."""
        until = time.monotonic() + longest_seconds
        while (left := min([until, *self._rings_at[:1]]) - time.monotonic()) > 0:
            self._changed.clear()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                break
        now = time.monotonic()
        while self._rings_at and self._rings_at[0] <= now:
            heapq.heappop(self._rings_at)


class Worker(Generic[Owed]):
    """Does one duty until it is told to stop; then the steps under way are finished.

    Args:
        duty: what is done.
        alarm: rings when something comes due.
        metrics: how late it was.
        stop_seconds: how long the steps under way may take after the first word of a stop.
        per_second: how many steps begin in a second at most; None for any number.
    """

    def __init__(
        self,
        duty: Duty[Owed],
        alarm: Alarm,
        metrics: Metrics,
        *,
        stop_seconds: float,
        per_second: float | None = None,
    ) -> None:
        self._duty = duty
        self._alarm = alarm
        self._metrics = metrics
        self._stop_seconds = stop_seconds
        self._pace = Pace(per_second)
        self._stopped_at: float | None = None
        self._apart_seconds = APART_SECONDS
        self.ticked_at: float | None = None

    def stop(self) -> None:
        """Claims nothing more; `run` returns when the steps under way have ended. Twice is once."""
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()
            self._alarm.due_in(0.0)

    def patience_seconds(self) -> float:
        """How much of the time for a stop is left, counted from the first word of it."""
        spent = 0.0 if self._stopped_at is None else time.monotonic() - self._stopped_at
        return max(self._stop_seconds - spent, 0.0)

    async def run(self) -> None:
        """Claims what is due, again and again."""
        async with asyncio.TaskGroup() as group:
            steps = Steps(group, self._duty)
            while self._stopped_at is None:
                begun_at = time.monotonic()
                rest_seconds = await self._tick(steps)
                next_at = begun_at + self._apart_seconds
                await self._alarm.wait(rest_seconds)
                # Where more is due than was room for, nothing is gained by waiting.
                left_seconds = next_at - time.monotonic() if rest_seconds > 0.0 else 0.0
                await asyncio.sleep(max(left_seconds, BREATH_SECONDS))

    async def _tick(self, steps: Steps[Owed]) -> float:
        """One tick; returns how long the worker may sleep at most before the next."""
        if steps.free <= 0:
            await asyncio.wait(steps.running, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        room = self._pace.room(time.monotonic(), steps.free)
        if room <= 0:
            # As much under way as may be is no silence, however long it takes.
            self.ticked_at = time.monotonic()
            return self._pace.rest_seconds()
        try:
            claimed = await run_tick(steps, room, self._metrics)
        except StorageUnavailable as error:
            # What callers are not told: a password may be wrong, or a disk full.
            reason = repr(error.__cause__)
            log.warning("worker.storage_unavailable", kind=self._duty.kind, reason=reason)
            return AFTER_FAULT_SECONDS
        self._pace.took(claimed)
        self._apart_seconds = CROWD_APART_SECONDS if claimed >= CROWD else APART_SECONDS
        self.ticked_at = time.monotonic()
        return 0.0 if claimed >= room else IDLE_SECONDS
