"""Reading many jobs at once: final ones from Redis, the rest from PostgreSQL."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Final
from uuid import UUID

import orjson

from app.jobs.job import JobView
from app.jobs.repository import JobRepository
from app.jobs.states import JobState
from app.storage.announcements import Announcements
from app.storage.redis import Speed
from app.upstream.answers import ModelAnswer

# Where processes tell each other which jobs they have moved; the number changes with the form of the words.
MOVED_JOBS = "fluxgate:moved:1"

IDS = ("team_id", "key_id", "token_id", "source_job_id")
# What of a view is one short value in the head of its copy.
HEAD: Final = tuple(
    field.name
    for field in fields(JobView)
    if field.name not in (*IDS, "logs", "metrics", "answer", "ended_seconds")
)


class JobLoader:
    """What is behind `JobContext.loading` and `JobContext.sharing`.

    Only final views are kept in Redis. They never change but that their answers may go, and not before the
    copy has: so a copy that could not be overwritten there is never a wrong one.
    """

    def __init__(
        self, repository: JobRepository, speed: Speed, announcements: Announcements, *, ttl_seconds: int
    ) -> None:
        self._repository = repository
        self._speed = speed
        self._announcements = announcements
        self._ttl_seconds = ttl_seconds

    async def load(self, job_ids: Sequence[UUID]) -> Sequence[JobView | None]:
        """The jobs with these ids, in their order; None where there is no such job."""
        copies = await self._speed.read([redis_key(str(job_id)) for job_id in job_ids])
        found = {
            job_id: decode(copy) for job_id, copy in zip(job_ids, copies, strict=True) if copy is not None
        }
        missing = [job_id for job_id in job_ids if job_id not in found]
        if missing:
            found |= await self._repository.views(missing)
        return [found.get(job_id) for job_id in job_ids]

    async def share(self, views: Sequence[JobView]) -> Sequence[None]:
        """Keeps copies of final jobs in Redis, and tells the other processes of all these."""
        copies = {
            redis_key(view.id): encode(view) for view in views if view.is_final and not view.lacks_answer
        }
        announcement = self._announcements.announcement(view.id for view in views)
        await self._speed.write(copies, ttl_seconds=self._ttl_seconds, announcement=announcement)
        return [None] * len(views)


def redis_key(job_id: str) -> str:
    """Where the copy of a final job is kept; the number changes with the form of the copy."""
    return f"fluxgate:job:3:{job_id}"


def encode(view: JobView) -> bytes:
    """A final view as one line of JSON, then the logs, the metrics and the result's body as they are."""
    answer = view.answer
    parts = [view.logs or b"", view.metrics or b"", answer.body if answer else b""]
    # Not `asdict`, which copies every value deeply: it took nine tenths of this.
    head = {name: getattr(view, name) for name in HEAD} | {
        **{name: _text(getattr(view, name)) for name in IDS},
        "sizes": [len(part) for part in parts],
        "status_code": answer and answer.status_code,
        "headers": answer and answer.headers,
    }
    return b"".join([orjson.dumps(head), b"\n", *parts])


def decode(copy: bytes) -> JobView:
    """The view that `encode` wrote."""
    line, _, rest = copy.partition(b"\n")
    head = orjson.loads(line)
    logs_end, metrics_end = head["sizes"][0], head["sizes"][0] + head["sizes"][1]
    status_code, headers = head.pop("status_code"), head.pop("headers")
    del head["sizes"]
    head |= {
        **{name: head[name] and UUID(head[name]) for name in IDS},
        "state": JobState(head["state"]),
        "logs": rest[:logs_end] or None,
        "metrics": rest[logs_end:metrics_end] or None,
        "answer": None if status_code is None else ModelAnswer(status_code, headers, rest[metrics_end:]),
    }
    return JobView(**head)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
