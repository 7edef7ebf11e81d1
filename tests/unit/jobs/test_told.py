from dataclasses import replace
from uuid import uuid4

import pytest

from app.billing.settlement import JobPrice, release
from app.jobs.job import ClaimedJob, Move
from app.jobs.states import JobState
from app.jobs.told import told_run_seconds, was_missed

JOB = ClaimedJob(
    job_id=uuid4(),
    epoch=2,
    failed_looks=0,
    team_id=uuid4(),
    key_id=uuid4(),
    token_id=None,
    model_id="fal-ai/flux-1/dev",
    cache="MISS",
    state=JobState.QUEUED,
    upstream_id="there",
    queue_position=None,
    source_job_id=None,
    price=JobPrice(basis=None, unit_micros=None, reserved_micros=None, images_asked=1),
    has_webhook=False,
    expects_webhook=True,
    told_id=None,
    told_seconds=None,
    created_seconds=12.1,
    submitted_seconds=12.0,
    running_seconds=None,
    looked_seconds=None,
    must_ask_to_cancel=False,
    cancelled_seconds=None,
    lag_seconds=0.0,
)


def to(after: JobState, before: JobState = JobState.QUEUED) -> Move:
    is_end = after in (JobState.SUCCEEDED, JobState.FAILED, JobState.EXPIRED)
    settlement = release() if is_end else None
    return Move(job_id=JOB.job_id, epoch=2, before=before, after=after, settlement=settlement)


@pytest.mark.parametrize(
    ("job", "move", "expected"),
    [
        (JOB, to(JobState.SUCCEEDED), True),
        (JOB, to(JobState.FAILED), True),
        (JOB, to(JobState.FETCHING), True),
        # Still under way, or given up: nobody could have told.
        (JOB, to(JobState.QUEUED), False),
        (JOB, to(JobState.RUNNING), False),
        (JOB, to(JobState.EXPIRED), False),
        # It was seen to have ended before.
        (replace(JOB, state=JobState.FETCHING), to(JobState.FETCHING, JobState.FETCHING), False),
        # The webhook may be on its way: the last look was only just before, or the job is young.
        (replace(JOB, submitted_seconds=9.0), to(JobState.SUCCEEDED), False),
        (replace(JOB, looked_seconds=2.0), to(JobState.SUCCEEDED), False),
        (replace(JOB, submitted_seconds=90.0, looked_seconds=10.1), to(JobState.SUCCEEDED), True),
        # It was told of, or nobody was asked to tell.
        (replace(JOB, told_id="there"), to(JobState.SUCCEEDED), False),
        (replace(JOB, expects_webhook=False), to(JobState.SUCCEEDED), False),
    ],
)
def test_a_webhook_is_missed_where_a_slow_look_finds_an_end_that_nobody_told_of(
    job: ClaimedJob, move: Move, expected: bool
) -> None:
    assert was_missed(job, move) == expected


@pytest.mark.parametrize(("told", "expected"), [(3.5, 3.5), (None, None), (0.0, None), (-2.0, None)])
def test_the_run_time_is_learned_from_when_the_upstream_told(
    told: float | None, expected: float | None
) -> None:
    assert told_run_seconds(replace(JOB, told_id="there", told_seconds=told)) == expected


@pytest.mark.parametrize(
    ("upstream_id", "told_id", "expected"),
    [("there", "there", True), ("there", "elsewhere", False), ("there", None, False), (None, "there", False)],
)
def test_a_job_is_told_of_under_its_own_id_alone(
    upstream_id: str | None, told_id: str | None, expected: bool
) -> None:
    assert replace(JOB, upstream_id=upstream_id, told_id=told_id).is_told == expected
