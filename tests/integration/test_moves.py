"""Moves of many jobs that are written at once: each is what it would be alone."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from app.billing.prices import Quote
from app.billing.settlement import Settlement, release
from app.jobs.job import Claims, Move, NewJob
from app.jobs.repository import JobRepository
from app.jobs.states import JobState
from app.storage.postgres import Database as Pool
from app.upstream.answers import ModelAnswer
from tests.support.accounts import DIFFERENCES, Account
from tests.support.database import Database

ANSWER = ModelAnswer(200, {"content-type": "application/json"}, b"\x00\xff")
ROWS = """
    SELECT j.state, j.queue_position, j.logs, j.metrics, j.error, j.error_type, j.cost_micros, j.images,
        j.completed_at IS NOT NULL AS has_ended, r.body, w.attempts,
        round(extract(epoch FROM w.due_at - now()) / 500) AS look_in, e.note
    FROM jobs j
    LEFT JOIN job_results r ON r.job_id = j.id
    LEFT JOIN work w ON w.job_id = j.id
    LEFT JOIN job_events e ON e.job_id = j.id AND e.from_state = 'queued'
    WHERE j.id = $1
"""


def new_job(account: Account) -> NewJob:
    return NewJob(
        id=uuid7(),
        team_id=account.team_id,
        key_id=account.key_id,
        token_id=None,
        model_id="fal-ai/flux-1/dev",
        prompt="a cat",
        upstream_input=b"{}",
        upstream_headers={},
        end_user=None,
        cache="BYPASS",
        quote=Quote(1, "image", 1000, 1000, 1),
        claims=Claims(account.team_id, None, b"", None),
    )


def queued(job: NewJob) -> Move:
    return Move(
        job_id=job.id,
        epoch=1,
        before=JobState.SUBMITTING,
        after=JobState.QUEUED,
        look_in_seconds=1000.0,
        pull_in_seconds=1000.0,
        upstream_id=str(job.id),
        queue_position=7,
    )


def moves_of(job_ids: Sequence[UUID]) -> list[Move]:
    """Of one job each: made, refused, running, put off, and two from whoever is not its owner any more."""
    made, refused, running, put_off, late, elsewhere = job_ids
    common: dict[str, Any] = {"epoch": 1, "before": JobState.QUEUED}
    going_on: dict[str, Any] = {"look_in_seconds": 500.0, "pull_in_seconds": 400.0}
    ended: dict[str, Any] = {"answer": ANSWER, "settlement": Settlement("charge", 600, 2)}
    return [
        Move(job_id=made, after=JobState.SUCCEEDED, metrics=b'{"a":"\\u0000"}', **common, **ended),
        Move(
            job_id=refused,
            after=JobState.FAILED,
            logs=b'["\\u0000"]',
            error='no "cats"',
            error_type="refused",
            note="refused",
            settlement=release(),
            **common,
        ),
        Move(job_id=running, after=JobState.RUNNING, logs=b"[]", **common, **going_on),
        Move(
            job_id=put_off,
            after=JobState.QUEUED,
            failed_looks=3,
            queue_position=5,
            is_change=False,
            **common,
            **going_on,
        ),
        Move(job_id=late, after=JobState.SUCCEEDED, **common | {"epoch": 0}, **ended),
        Move(job_id=elsewhere, after=JobState.SUCCEEDED, **common | {"before": JobState.RUNNING}, **ended),
    ]


NOTHING = dict.fromkeys(
    ("logs", "metrics", "error", "error_type", "cost_micros", "images", "body", "attempts", "look_in", "note")
)
UNTOUCHED = (
    NOTHING | {"state": "queued", "queue_position": 7, "has_ended": False} | {"attempts": 0, "look_in": 2}
)
EXPECTED = [
    NOTHING
    | {"state": "succeeded", "queue_position": None, "metrics": '{"a":"\\u0000"}', "has_ended": True}
    | {"cost_micros": 600, "images": 2, "body": b"\x00\xff"},
    NOTHING
    | {"state": "failed", "queue_position": None, "logs": '["\\u0000"]', "has_ended": True}
    | {"error": 'no "cats"', "error_type": "refused", "cost_micros": 0, "images": 0, "note": "refused"},
    UNTOUCHED | {"state": "running", "queue_position": None, "logs": "[]", "look_in": 1},
    UNTOUCHED | {"attempts": 3, "look_in": 1},
    UNTOUCHED,
    UNTOUCHED,
]


@pytest.mark.parametrize("are_together", [True, False])
def test_each_move_is_what_it_would_be_alone(database: Database, *, are_together: bool) -> None:
    account = Account.new(database)

    async def write() -> tuple[list[UUID], list[bool]]:
        pool = await Pool.connect(database.url, pool_size=1, timeout_seconds=20)
        repository = JobRepository(pool, lease_seconds=60)
        jobs = [new_job(account) for _ in range(6)]
        await repository.record(jobs)
        assert all(await repository.move([queued(job) for job in jobs]))
        moves = moves_of([job.id for job in jobs])
        # Whatever the order in which they come, they are locked in that of their ids.
        batches = [moves[::-1]] if are_together else [[move] for move in moves[::-1]]
        moved = [is_moved for batch in batches for is_moved in await repository.move(batch)]
        await pool.close()
        return [job.id for job in jobs], moved[::-1]

    job_ids, moved = asyncio.run(write())
    assert moved == [True, True, True, True, False, False]
    assert [database.rows(ROWS, job_id)[0] for job_id in job_ids] == EXPECTED
    assert database.rows(DIFFERENCES) == []
    [counted] = database.rows(
        "SELECT reserved_micros, spent_micros, images, in_flight FROM allowances WHERE scope = 'team'"
    )
    assert counted == {"reserved_micros": 4000, "spent_micros": 600, "images": 6, "in_flight": 4}
