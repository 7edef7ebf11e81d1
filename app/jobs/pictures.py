"""Use case: have the pictures of a finished job as bytes."""

import asyncio
from collections.abc import Sequence

import structlog

from app.errors import UpstreamError
from app.jobs.job import JobView
from app.upstream.pictures import NoPicture, PictureSource

log = structlog.get_logger()


async def fetch_pictures(source: PictureSource, view: JobView, urls: Sequence[str]) -> list[bytes]:
    """All pictures at these addresses of a job's answer, or none.

    Raises:
        UpstreamError: one of them cannot be had; the job has been made all the same.
    """
    pictures: list[bytes] = []
    for found in await asyncio.gather(*(source.find(url) for url in urls)):
        if isinstance(found, NoPicture):
            log.warning("picture.missing", job_id=view.id, reason=found.note)
            raise UpstreamError(
                f"The pictures are made, but one cannot be fetched: {found.note}. They are not lost: "
                f"job {view.id} has their addresses.",
                job_id=view.id,
            )
        pictures.append(found)
    return pictures
