"""Every deed and question on stored jobs; the statements are in `statements.py`."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from app.jobs import statements
from app.jobs.job import FIRST_EPOCH, ClaimedJob, JobEvent, JobView, Move, NewJob
from app.jobs.states import JobState
from app.storage.postgres import Database, Row
from app.upstream.answers import ModelAnswer


@dataclass(frozen=True, slots=True)
class CancelNoted:
    """A wish to stop a job, and under which id the upstream knows it, if it does."""

    upstream_id: str | None


class JobRepository:
    """Jobs as they are stored; batches come from the gateway's group commits."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    async def record(self, jobs: Sequence[NewJob]) -> Sequence[None]:
        """Records jobs as being submitted by this process; running it twice records them once."""
        await self._database.execute(
            statements.RECORD,
            [job.id for job in jobs],
            [job.team_id for job in jobs],
            [job.key_id for job in jobs],
            [job.model_id for job in jobs],
            [job.prompt for job in jobs],
            [job.upstream_input.decode() for job in jobs],
            [orjson.dumps(job.upstream_headers).decode() for job in jobs],
            self._lease_seconds,
            FIRST_EPOCH,
        )
        return [None] * len(jobs)

    async def move(self, moves: Sequence[Move]) -> Sequence[bool]:
        """Writes moves; False for each whose job has another owner or another state by now."""
        rows = await self._database.execute(statements.MOVE, *_columns(moves))
        moved = {row["id"] for row in rows}
        return [move.job_id in moved for move in moves]

    async def claim_due(self, limit: int) -> list[ClaimedJob]:
        """Takes over jobs that are due, those that have waited longest first."""
        rows = await self._database.execute(statements.CLAIM_DUE, self._lease_seconds, limit)
        return [_claimed(row) for row in rows]

    async def claim_one(self, job_id: UUID, states: AbstractSet[JobState]) -> ClaimedJob | None:
        """Takes over one job, whoever has it; None when it is in none of these states."""
        rows = await self._database.execute(statements.CLAIM_ONE, self._lease_seconds, job_id, list(states))
        return _claimed(rows[0]) if rows else None

    async def views(self, job_ids: Sequence[UUID]) -> dict[UUID, JobView]:
        """What is stored of these jobs; ids that nobody has are left out."""
        rows = await self._database.execute(statements.VIEWS, list(job_ids))
        return {row["id"]: _view(row) for row in rows}

    async def pull_nearer(self, job_id: UUID) -> float | None:
        """Brings a job's next look nearer; in how many seconds it is now, or None when it stays."""
        rows = await self._database.execute(statements.PULL_NEARER, job_id)
        return float(rows[0]["look_in"]) if rows else None

    async def request_cancel(self, job_id: UUID) -> CancelNoted | None:
        """Notes that the caller wants a job stopped; None when it has ended, or was never sent."""
        rows = await self._database.execute(statements.REQUEST_CANCEL, job_id)
        return CancelNoted(rows[0]["upstream_id"]) if rows else None

    async def input_of(self, job_id: UUID) -> tuple[bytes, dict[str, str]]:
        """The body and the headers that go upstream for a job."""
        rows = await self._database.execute(statements.INPUT_OF, job_id)
        return rows[0]["input"].encode(), orjson.loads(rows[0]["upstream_headers"])

    async def description(self, job_id: UUID) -> Row | None:
        """A job with its input, its result and the names of its team and key; None when there is none."""
        rows = await self._database.execute(statements.DESCRIPTION, job_id)
        return rows[0] if rows else None

    async def events(self, job_id: UUID) -> list[JobEvent]:
        """Every move of a job, in order."""
        return [JobEvent(**row) for row in await self._database.execute(statements.EVENTS, job_id)]

    async def count_accepted(self) -> int:
        """How many jobs wait to be sent."""
        rows = await self._database.execute(statements.COUNT_ACCEPTED)
        return int(rows[0]["number"])

    async def count_open(self) -> dict[str, int]:
        """How many jobs have not ended, by state."""
        rows = await self._database.execute(statements.COUNT_OPEN)
        return {str(row["state"]): int(row["number"]) for row in rows}

    async def recent_runs(self, limit: int) -> list[tuple[str, float]]:
        """Model and run time in seconds of the last jobs that succeeded."""
        rows = await self._database.execute(statements.RECENT_RUNS, limit)
        return [(str(row["model"]), float(row["seconds"])) for row in rows]


def _columns(moves: Sequence[Move]) -> Sequence[list[Any]]:
    """One list per column of `statements.MOVE`, in its order."""
    answers = [move.answer for move in moves]
    return (
        [move.job_id for move in moves],
        [move.epoch for move in moves],
        [move.before for move in moves],
        [move.after for move in moves],
        [move.look_in_seconds for move in moves],
        [move.pull_in_seconds for move in moves],
        [move.failed_looks for move in moves],
        [move.upstream_id for move in moves],
        [move.queue_position for move in moves],
        [_text(move.logs) for move in moves],
        [_text(move.metrics) for move in moves],
        [move.error for move in moves],
        [move.error_type for move in moves],
        [move.cancel_answer for move in moves],
        [move.note for move in moves],
        [answer and answer.status_code for answer in answers],
        [answer and orjson.dumps(answer.headers).decode() for answer in answers],
        [answer and answer.body for answer in answers],
        [move.is_change for move in moves],
    )


def _claimed(row: Row) -> ClaimedJob:
    return ClaimedJob(**{**row, "state": JobState(row["state"])})


def _view(row: Row) -> JobView:
    answer = None
    if row["status_code"] is not None:
        answer = ModelAnswer(row["status_code"], orjson.loads(row["headers"]), row["body"])
    return JobView(
        id=str(row["id"]),
        team_id=row["team_id"],
        key_id=row["key_id"],
        model_id=row["model_id"],
        state=JobState(row["state"]),
        queue_position=row["queue_position"],
        logs=_bytes(row["logs"]),
        metrics=_bytes(row["metrics"]),
        error=row["error"],
        error_type=row["error_type"],
        answer=answer,
        look_in_seconds=row["look_in"],
        pull_in_seconds=row["pull_in"],
    )


def _text(value: bytes | None) -> str | None:
    """JSON as PostgreSQL's text takes it: a NUL, which only an escape can hold here, stays an escape."""
    return None if value is None else value.decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
