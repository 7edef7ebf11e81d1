import itertools
from uuid import uuid4

import pytest

from app.jobs.job import Move
from app.jobs.states import MOVES, TERMINAL, JobState, QueueStatus, may_become, may_move, shown_as

STAGE = {
    JobState.ACCEPTED: "IN_QUEUE",
    JobState.SUBMITTING: "IN_QUEUE",
    JobState.UNKNOWN: "IN_QUEUE",
    JobState.QUEUED: "IN_QUEUE",
    JobState.RUNNING: "IN_PROGRESS",
    JobState.FETCHING: "IN_PROGRESS",
    JobState.SUCCEEDED: "COMPLETED",
    JobState.FAILED: "COMPLETED",
    JobState.CANCELLED: "COMPLETED",
    JobState.EXPIRED: "COMPLETED",
    JobState.LOST: "COMPLETED",
}


@pytest.mark.parametrize("state", JobState)
def test_callers_see_only_the_words_of_fal(state: JobState) -> None:
    assert shown_as(state) == STAGE[state]


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_final_state_is_never_left(state: JobState) -> None:
    assert not any(may_move(state, other) for other in JobState if other != state)


def test_no_move_goes_back_for_the_caller_but_for_proof_that_nothing_was_sent() -> None:
    order = list(QueueStatus)
    for before, after in itertools.product(JobState, JobState):
        if after in MOVES[before]:
            assert order.index(shown_as(before)) <= order.index(shown_as(after)), (before, after)


def test_a_move_that_is_not_in_the_table_cannot_even_be_made() -> None:
    with pytest.raises(ValueError, match="does not go from succeeded to running"):
        Move(job_id=uuid4(), epoch=1, before=JobState.SUCCEEDED, after=JobState.RUNNING)


def test_an_unknown_job_is_never_submitted_again_without_being_accepted_again() -> None:
    assert MOVES[JobState.UNKNOWN] == {JobState.QUEUED, JobState.LOST, JobState.ACCEPTED}


def test_every_state_can_come_to_an_end() -> None:
    reachable = set(TERMINAL)
    while True:
        more = {state for state in JobState if MOVES[state] & reachable} - reachable
        if not more:
            break
        reachable |= more
    assert reachable == set(JobState)


def test_a_job_becomes_what_its_moves_lead_to() -> None:
    for before in JobState:
        for after in MOVES[before]:
            assert may_become(before, after)
            assert MOVES[after] <= {state for state in JobState if may_become(before, state)}
        assert may_become(before, before)


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        (JobState.ACCEPTED, JobState.QUEUED, True),
        (JobState.ACCEPTED, JobState.SUCCEEDED, True),
        (JobState.SUBMITTING, JobState.LOST, True),
        (JobState.SUBMITTING, JobState.ACCEPTED, True),
        (JobState.RUNNING, JobState.QUEUED, False),
        (JobState.QUEUED, JobState.ACCEPTED, False),
        (JobState.QUEUED, JobState.LOST, False),
        *((state, other, False) for state in sorted(TERMINAL) for other in JobState if other != state),
    ],
)
def test_nothing_that_was_left_behind_comes_again(before: JobState, after: JobState, *, may: bool) -> None:
    assert may_become(before, after) is may
