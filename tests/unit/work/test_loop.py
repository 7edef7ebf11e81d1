"""What a worker is seen to do while its steps take their time."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from app.operations.metrics import Metrics
from app.work.loop import IDLE_SECONDS, Alarm, Worker


@dataclass(frozen=True)
class Row:
    job_id: UUID
    lag_seconds: float = 0.0


class Endless:
    """A duty of one slot whose step ends when it is let go."""

    kind = "follow"
    slots = 1

    def __init__(self) -> None:
        self.claims = 0
        self.claimed = asyncio.Event()
        self.let_go = asyncio.Event()

    async def claim(self, limit: int) -> Sequence[Row]:
        assert limit == 1
        self.claims += 1
        self.claimed.set()
        return [Row(uuid4())]

    async def step(self, owed: Row) -> None:
        assert owed.lag_seconds == 0.0
        await self.let_go.wait()


async def test_a_worker_whose_steps_take_long_is_not_silent_and_can_be_stopped() -> None:
    duty = Endless()
    worker = Worker(duty, Alarm(), Metrics(), stop_seconds=1.0)
    running = asyncio.create_task(worker.run())
    await duty.claimed.wait()
    began = time.monotonic()
    await asyncio.sleep(2 * IDLE_SECONDS)
    assert worker.ticked_at is not None
    assert worker.ticked_at > began
    assert duty.claims == 1
    worker.stop()
    duty.let_go.set()
    await running
