"""The pictures of completed jobs, drawn when somebody asks for them."""

import asyncio
import base64
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

    async def addresses(self, job: Job, base_url: str) -> list[str]:
        """Where the images of a job are, or the images themselves as data URIs."""
        asked = job.order.asked
        numbers = range(asked.num_images)
        if not asked.sync_mode:
            return [f"{base_url}files/{job.id}/{number}.{asked.output_format}" for number in numbers]
        texts = [base64.b64encode(await self.picture(job, number)).decode() for number in numbers]
        return [f"data:image/{asked.output_format};base64,{text}" for text in texts]

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
