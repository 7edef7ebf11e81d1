"""Use case: have the pictures of a finished job as bytes."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from app.errors import UpstreamError
from app.jobs.job import JobView
from app.upstream.pictures import NoPicture, PictureSource

# Four times what any listed model makes at once; all of them are in memory together.
MOST_PICTURES: Final = 16

log = structlog.get_logger()


async def fetch_pictures(source: PictureSource, view: JobView, urls: Sequence[str]) -> list[bytes]:
    """All pictures at these addresses of a job's answer, or none.

    Raises:
        UpstreamError: one of them cannot be had, or they are too many; the job has been made all the same.
    """
    if len(urls) > MOST_PICTURES:
        raise _missing(view, f"there are {len(urls)}, and at most {MOST_PICTURES} are fetched")
    pictures: list[bytes] = []
    for found in await asyncio.gather(*(source.find(url) for url in urls)):
        if isinstance(found, NoPicture):
            raise _missing(view, found.note)
        pictures.append(found)
    return pictures


def _missing(view: JobView, reason: str) -> UpstreamError:
    log.warning("picture.missing", job_id=view.id, reason=reason)
    return UpstreamError(
        f"The pictures are made, but not all can be fetched: {reason}. They are not lost: job {view.id} has "
        "their addresses.",
        job_id=view.id,
    )
