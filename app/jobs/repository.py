"""Every deed and question on stored jobs; the statements are in modules of their own."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.billing.settlement import JobPrice
from app.jobs import move_statements, record_statements, statements
from app.jobs.admission import AGAIN, Earlier, Outcome, are_apart, outcome_of
from app.jobs.columns import answered_rows, headers_in, new_rows
from app.jobs.fitting_statements import RECORD_FITTING, Shape
from app.jobs.go_on_statements import GO_ON_MANY, GO_ON_ONE
from app.jobs.job import (
    ANSWER_LOOK_SECONDS,
    EVERYWHERE_SECONDS,
    FIRST_EPOCH,
    ClaimedJob,
    Claims,
    JobEvent,
    JobView,
    Move,
    NewJob,
)
from app.jobs.move_columns import move_columns
from app.jobs.states import TERMINAL, JobState
from app.jobs.usual_columns import fitting_columns, going_on_columns, wants_columns
from app.jobs.watch import Standing
from app.storage.postgres import Executor, Row, Transaction
from app.upstream.answers import ModelAnswer

OPEN = tuple(str(state) for state in JobState if state not in TERMINAL)


@dataclass(frozen=True, slots=True)
class CancelNoted:
    """A wish to stop a job, and under which id the upstream knows it, if it does."""

    upstream_id: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a word of the upstream about a job's end.

    Attributes:
        state: how the job stands.
        upstream_id: under which id the upstream took it, if that is known.
        is_mismatch: whether this word was about another request than the one made for this job.
        is_news: whether it was noted.
        is_due: whether the job is looked at now.
    """

    state: JobState
    upstream_id: str | None
    is_mismatch: bool
    is_news: bool
    is_due: bool


class JobRepository:
    """Jobs as they are stored; batches come from the gateway's group commits.

    `executor` is the database, or the transaction that several of these belong to.
    `archive_now` tells this process's worker, if it has one, that pictures are to be archived: only the
    statement knows whose team wants that.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        lease_seconds: float,
        archive_now: Callable[[], None] = lambda: None,
    ) -> None:
        self._executor = executor
        self._lease_seconds = lease_seconds
        self._archive_now = archive_now

    def within(self, transaction: Transaction) -> "JobRepository":
        """The same, as one part of a transaction."""
        return JobRepository(transaction, lease_seconds=self._lease_seconds, archive_now=self._archive_now)

    async def find_earlier(self, sought: Sequence[Claims]) -> Sequence[Earlier]:
        """What is known of requests before these with the same idempotency key, or for the same."""
        rows = await self._executor.execute(
            record_statements.FIND_EARLIER,
            [claims.team_id for claims in sought],
            [claims.key_digest for claims in sought],
            [claims.cache_digest for claims in sought],
        )
        return [_earlier(row) for row in rows]

    async def record(self, jobs: Sequence[NewJob]) -> Sequence[Outcome]:
        """Records each job, or says why it may not be; those that are sent belong to this process."""
        outcomes: dict[UUID, Outcome] = {}
        answered = [job for job in jobs if job.source_job_id is not None]
        if answered:
            has_webhooks = any(job.webhook_url for job in answered)
            statement = record_statements.RECORD_ANSWERED_WITH_WEBHOOKS
            rows = await self._executor.execute(
                statement if has_webhooks else record_statements.RECORD_ANSWERED,
                answered_rows(answered),
                len(answered),
                ANSWER_LOOK_SECONDS,
                FIRST_EPOCH,
            )
            outcomes |= {row["id"]: outcome_of(row["outcome"], row) for row in rows}
        waiting = [job for job in jobs if job.source_job_id is None]
        if waiting and are_apart(waiting):
            outcomes |= await self._record_fitting(waiting)
            waiting = [job for job in waiting if job.id not in outcomes]
        while waiting:
            rows = await self._executor.execute(
                record_statements.RECORD, new_rows(waiting), len(waiting), self._lease_seconds, FIRST_EPOCH
            )
            decided = {row["id"]: outcome_of(row["outcome"], row) for row in rows if row["outcome"] != AGAIN}
            outcomes |= decided
            waiting = [job for job in waiting if job.id not in decided]
        return [outcomes[job.id] for job in jobs]

    async def _record_fitting(self, jobs: Sequence[NewJob]) -> dict[UUID, Outcome]:
        """Records jobs if all of them fit; none where one does not."""
        is_one, columns = len(jobs) == 1, fitting_columns(jobs)
        shape = Shape(
            is_one=is_one,
            has_key=any(job.claims.key_digest is not None for job in jobs),
            has_cache=any(job.claims.cache_digest is not None for job in jobs),
        )
        rows = await self._executor.execute(
            RECORD_FITTING[shape],
            *((column[0] for column in columns) if is_one else columns),
            self._lease_seconds,
            FIRST_EPOCH,
            len({scope_id for job in jobs for scope_id in (job.team_id, job.key_id)}),
            *(() if is_one else wants_columns(jobs)),
        )
        return {row["id"]: outcome_of(row["outcome"], row) for row in rows if row["outcome"] != AGAIN}

    async def move(self, moves: Sequence[Move]) -> Sequence[bool]:
        """Writes moves; False for each whose job has another owner or another state by now."""
        if all(move.goes_on for move in moves):
            rows = await self._go_on(moves)
        else:
            is_end = any(move.settlement is not None for move in moves)
            statement = move_statements.END if is_end else move_statements.MOVE
            rows = await self._executor.execute(statement, *move_columns(moves))
            if is_end and any(row["is_archived"] for row in rows):
                self._archive_now()
        moved = {row["id"] for row in rows}
        return [move.job_id in moved for move in moves]

    async def _go_on(self, moves: Sequence[Move]) -> Sequence[Row]:
        columns = going_on_columns(moves)
        if len(moves) == 1:
            return await self._executor.execute(GO_ON_ONE, *(column[0] for column in columns))
        return await self._executor.execute(GO_ON_MANY, *columns)

    async def claim_due(
        self, limit: int, *, back_seconds: float = EVERYWHERE_SECONDS, others_first_seconds: float = 0.0
    ) -> list[ClaimedJob]:
        """Takes over jobs, those that have waited longest first.

        Args:
            limit: how many at most.
            back_seconds: none that is due for longer.
            others_first_seconds: none that is due for less: other workers may take it until then.
        """
        rows = await self._executor.execute(
            statements.CLAIM_DUE, self._lease_seconds, limit, back_seconds, others_first_seconds
        )
        is_crowd = len(rows) >= limit
        return [_claimed(row, is_crowd=is_crowd) for row in rows]

    async def claim_one(self, job_id: UUID, states: AbstractSet[JobState]) -> ClaimedJob | None:
        """Takes over one job, whoever has it; None when it is in none of these states."""
        rows = await self._executor.execute(statements.CLAIM_ONE, self._lease_seconds, job_id, list(states))
        return _claimed(rows[0]) if rows else None

    async def views(self, job_ids: Sequence[UUID]) -> dict[UUID, JobView]:
        """What is stored of these jobs; ids that nobody has are left out."""
        rows = await self._executor.execute(statements.VIEWS, list(job_ids))
        return {row["id"]: _view(row) for row in rows}

    async def pull_nearer(self, job_ids: Sequence[UUID]) -> dict[UUID, float]:
        """Brings the next looks of jobs nearer; in how many seconds those that moved are now."""
        rows = await self._executor.execute(statements.PULL_NEARER, list(job_ids))
        return {row["job_id"]: float(row["look_in"]) for row in rows}

    async def standings(self, job_ids: Sequence[UUID]) -> dict[UUID, Standing]:
        """What shows whether a job has changed; ids that nobody has are left out."""
        rows = await self._executor.execute(statements.STANDINGS, list(job_ids))
        return {row["id"]: (row["state"], row["queue_position"], row["logs_bytes"]) for row in rows}

    async def request_cancel(self, job_id: UUID) -> CancelNoted | None:
        """Notes that the caller wants a job stopped; None when it has ended, or was never sent."""
        rows = await self._executor.execute(statements.REQUEST_CANCEL, job_id)
        return CancelNoted(rows[0]["upstream_id"]) if rows else None

    async def hear(self, job_id: UUID, told_id: str) -> Heard | None:
        """Notes that the upstream told of a job's end, and makes the job due; None when there is none."""
        rows = await self._executor.execute(statements.HEAR, job_id, told_id)
        return Heard(**{**rows[0], "state": JobState(rows[0]["state"])}) if rows else None

    async def has_joined(self, job_id: UUID) -> bool:
        """Whether other jobs wait for this one's answer."""
        rows = await self._executor.execute(statements.HAS_JOINED, job_id)
        return bool(rows[0]["has_joined"])

    async def source(self, job_id: UUID) -> Row:
        """How the job stands whose answer another one waits for."""
        rows = await self._executor.execute(statements.SOURCE, job_id)
        return rows[0]

    async def input_of(self, job_id: UUID) -> tuple[bytes, dict[str, str]]:
        """The body and the headers that go upstream for a job."""
        rows = await self._executor.execute(statements.INPUT_OF, job_id)
        return rows[0]["input"].encode(), headers_in(rows[0]["upstream_headers"])

    async def traceparents(self, job_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Where the steps of these jobs hang in their callers' traces; most have none."""
        rows = await self._executor.execute(statements.TRACEPARENTS, list(job_ids))
        return {row["job_id"]: row["traceparent"] for row in rows if row["traceparent"] is not None}

    async def find_input(self, job_id: UUID) -> tuple[bytes, dict[str, str]] | None:
        """The same; None where it is not kept any more."""
        rows = await self._executor.execute(statements.INPUT_OF, job_id)
        return (rows[0]["input"].encode(), headers_in(rows[0]["upstream_headers"])) if rows else None

    async def events(self, job_id: UUID) -> list[JobEvent]:
        """Every move of a job, in order."""
        return [JobEvent(**row) for row in await self._executor.execute(statements.EVENTS, job_id)]

    async def count_accepted(self) -> int:
        """How many jobs wait to be sent."""
        rows = await self._executor.execute(statements.COUNT_ACCEPTED)
        return int(rows[0]["number"])

    async def count_held(self) -> dict[str, int]:
        """How many jobs wait for the upstream to take them, or for somebody to find out whether it has."""
        rows = await self._executor.execute(statements.COUNT_HELD)
        held = dict.fromkeys((str(JobState.ACCEPTED), str(JobState.UNKNOWN)), 0)
        return held | {str(row["state"]): int(row["number"]) for row in rows}

    async def count_open(self) -> dict[str, int]:
        """How many jobs have not ended, by state; those that no job is in are there, too."""
        rows = await self._executor.execute(statements.COUNT_OPEN)
        return dict.fromkeys(OPEN, 0) | {str(row["state"]): int(row["number"]) for row in rows}

    async def recent_runs(self, limit: int) -> list[tuple[str, float]]:
        """Model and run time in seconds of the last jobs that succeeded."""
        rows = await self._executor.execute(statements.RECENT_RUNS, limit)
        return [(str(row["model"]), float(row["seconds"])) for row in rows]


def _claimed(row: Row, *, is_crowd: bool = False) -> ClaimedJob:
    told = dict(row)
    told["crowd_seconds"] = told["lag_seconds"] if is_crowd else 0.0
    price = JobPrice(
        basis=told.pop("price_basis"),
        unit_micros=told.pop("price_micros"),
        reserved_micros=told.pop("reserved_micros"),
        images_asked=told.pop("images_asked"),
    )
    return ClaimedJob(**told | {"state": JobState(told["state"]), "price": price})


def _earlier(row: Row) -> Earlier:
    return Earlier(
        keyed_job_id=row["keyed_job_id"],
        keyed_request_digest=row["keyed_request_digest"],
        is_replay=bool(row["is_replay"]),
        cached_job_id=row["cached_job_id"],
        cached_state=None if row["cached_state"] is None else JobState(row["cached_state"]),
        cached_is_cancelled=row["cached_is_cancelled"],
        cached_age_seconds=row["cached_age_seconds"],
        cached_is_purged=row["cached_is_purged"],
    )


def _view(row: Row) -> JobView:
    answer = None
    if row["status_code"] is not None:
        answer = ModelAnswer(row["status_code"], orjson.loads(row["headers"]), row["body"])
    return JobView(
        id=str(row["id"]),
        team_id=row["team_id"],
        key_id=row["key_id"],
        token_id=row["token_id"],
        model_id=row["model_id"],
        cache=row["cache"],
        source_job_id=row["source_job_id"],
        state=JobState(row["state"]),
        queue_position=row["queue_position"],
        logs=_bytes(row["logs"]),
        metrics=_bytes(row["metrics"]),
        error=row["error"],
        error_type=row["error_type"],
        answer=answer,
        look_in_seconds=row["look_in"],
        pull_in_seconds=row["pull_in"],
        ended_seconds=row["ended_seconds"],
        is_purged=row["is_purged"],
    )


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()
