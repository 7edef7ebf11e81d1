from dataclasses import replace
from uuid import uuid4

import pytest

from app.jobs.job import JobView, Move
from app.jobs.keep import believed_seconds, view_after
from app.jobs.states import JobState

VIEW = JobView(
    id=str(uuid4()),
    team_id=uuid4(),
    key_id=uuid4(),
    model_id="fal-ai/flux-1/dev",
    state=JobState.QUEUED,
    queue_position=3,
    logs=b"[1]",
)


@pytest.mark.parametrize(
    ("look_in", "expected"), [(None, 0.25), (-1.0, 0.25), (0.1, 0.25), (1.5, 1.5), (600.0, 2.0)]
)
def test_a_view_is_believed_until_the_next_look_within_limits(look_in: float | None, expected: float) -> None:
    assert believed_seconds(replace(VIEW, look_in_seconds=look_in), grace_seconds=60.0) == expected


@pytest.mark.parametrize(
    ("look_in", "pull_in", "expected"),
    [
        (10.0, 0.5, 0.5),  # it may be brought a good deal nearer
        (10.0, 0.1, 0.25),
        (10.0, 5.0, 2.0),
        (10.0, 0.0, 2.0),  # whoever reads it now does so
        (10.0, -1.0, 2.0),
        (1.6, 1.5, 1.6),  # not worth it
        (10.0, None, 2.0),
    ],
)
def test_a_view_is_read_again_when_its_next_look_may_be_brought_nearer(
    look_in: float, pull_in: float | None, expected: float
) -> None:
    view = replace(VIEW, look_in_seconds=look_in, pull_in_seconds=pull_in)
    assert believed_seconds(view, grace_seconds=60.0) == expected


@pytest.mark.parametrize(
    ("ended", "expected"), [(0.0, 60.0), (59.0, 1.0), (60.0, 5.0), (1e9, 5.0), (None, 5.0)]
)
def test_a_job_that_has_ended_is_believed_while_every_result_can_be_fetched(
    ended: float | None, expected: float
) -> None:
    view = replace(VIEW, state=JobState.SUCCEEDED, ended_seconds=ended)
    assert believed_seconds(view, grace_seconds=60.0) == expected


def test_a_move_changes_what_it_names_and_keeps_the_rest() -> None:
    move = Move(job_id=uuid4(), epoch=1, before=JobState.QUEUED, after=JobState.RUNNING, look_in_seconds=2.0)
    after = view_after(VIEW, move)
    assert (after.state, after.queue_position, after.logs, after.look_in_seconds) == (
        JobState.RUNNING,
        None,
        b"[1]",
        2.0,
    )
