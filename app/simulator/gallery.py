"""The pictures of completed jobs, drawn when somebody asks for them."""

import asyncio
from functools import lru_cache

from app.simulator.lanes import Job
from app.simulator.pictures import Picture, draw_picture

DRAWN_KEPT = 32
DRAWN_AT_ONCE = 2


class Gallery:
    """Draws pictures in worker threads and keeps the last few as encoded bytes."""

    def __init__(self) -> None:
        self._draw = lru_cache(maxsize=DRAWN_KEPT)(draw_picture)
        # A picture of 14,142 pixels a side is 600 MB while it is drawn, so only few are drawn at a time.
        self._turn = asyncio.Semaphore(DRAWN_AT_ONCE)

    async def picture(self, job: Job, number: int, image_format: str | None = None) -> bytes:
        """One image of a job, encoded in the format it was ordered in, or in another."""
        asked = job.order.asked
        width, height = asked.pixels
        picture = Picture(
            prompt=asked.prompt,
            seed=job.order.seed,
            number=number,
            width=width,
            height=height,
            image_format=image_format or asked.output_format,
            hidden=job.order.directives.nsfw and asked.enable_safety_checker,
        )
        async with self._turn:
            return await asyncio.to_thread(self._draw, picture)
