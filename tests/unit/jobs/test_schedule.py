import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.schedule import (
    LATEST_IN_QUEUE_SECONDS,
    LATEST_SECONDS,
    LATEST_SLOW_SECONDS,
    LONGEST_CROWD_SECONDS,
    SOONEST_SECONDS,
    SOONEST_SLOW_SECONDS,
    Look,
    after_failure,
    estimated_run_seconds,
    first_look,
    next_look,
    slowed,
)

seconds = st.floats(min_value=0, max_value=100_000)
jitters = st.floats(min_value=0, max_value=0.999)


@pytest.mark.parametrize(
    ("typical", "expected"),
    [(None, 0.4), (0.1, SOONEST_SECONDS), (1.5, 1.58), (10.0, 10.25), (1000.0, LATEST_IN_QUEUE_SECONDS)],
)
def test_the_first_look_comes_just_after_the_expected_end(typical: float | None, expected: float) -> None:
    assert first_look(typical, 0.0).in_seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("submitted", "running", "position", "typical", "expected"),
    [
        # Queued behind others: rarer the longer the queue.
        (1.0, None, 4, 2.0, 2.0),
        (1.0, None, 1000, 2.0, LATEST_IN_QUEUE_SECONDS),
        # Queued in front: it may begin at any moment.
        (1.0, None, 0, 4.0, 3.13),
        # Running: what is left of the typical time, which counts from acceptance like the job's own.
        (3.0, 1.0, None, 5.0, 2.15),
        (29.0, 20.0, None, 30.0, 1.65),
        # Late: a tenth of how long it runs, never below the soonest, never above the latest.
        (9.0, 6.0, None, 5.0, 0.6),
        (1.0, 0.5, None, 0.4, SOONEST_SECONDS),
        (9000.0, 8000.0, None, 5.0, LATEST_SECONDS),
        # Nothing learned yet.
        (0.4, None, None, None, SOONEST_SECONDS),
        (2.0, None, None, None, 1.0),
        (40.0, None, 7, None, 20.0),
    ],
)
def test_the_next_look_follows_what_is_known(
    submitted: float, running: float | None, position: int | None, typical: float | None, expected: float
) -> None:
    look = next_look(
        submitted_seconds=submitted,
        running_seconds=running,
        queue_position=position,
        typical_seconds=typical,
        jitter=0.0,
    )
    assert look.in_seconds == pytest.approx(expected)


@given(
    submitted=seconds,
    running=st.none() | seconds,
    position=st.none() | st.integers(min_value=0, max_value=2**31),
    typical=st.none() | seconds,
    jitter=jitters,
)
def test_a_look_is_never_at_once_and_never_far(
    submitted: float, running: float | None, position: int | None, typical: float | None, jitter: float
) -> None:
    look = next_look(
        submitted_seconds=submitted,
        running_seconds=running,
        queue_position=position,
        typical_seconds=typical,
        jitter=jitter,
    )
    assert SOONEST_SECONDS <= look.in_seconds <= LATEST_IN_QUEUE_SECONDS + 1.0
    assert look.pull_in_seconds >= 0.0


@pytest.mark.parametrize(
    ("submitted", "position", "typical", "crowd", "expected"),
    [
        # One that may end at any time: by nothing to twice as long as it came late, here by as long.
        (40.0, None, None, 0.0, 20.0),
        (40.0, None, None, 8.0, 28.0),
        (40.0, 3, 20.0, 8.0, 23.0),
        # Never behind its expected end: 300 seconds come in steps of a minute, the last is what is left.
        (10.0, None, 300.0, 0.0, LATEST_IN_QUEUE_SECONDS),
        (10.0, None, 300.0, 50.0, LATEST_IN_QUEUE_SECONDS + 50.0),
        (270.0, None, 300.0, 50.0, 36.05),
        # One that is late is looked at as if it were alone.
        (40.0, None, 20.0, 50.0, 4.0),
        # After a stop of an hour there is a crowd as well, but nobody waits an hour for that.
        (40.0, None, None, 3600.0, 20.0 + LONGEST_CROWD_SECONDS),
    ],
)
def test_looks_that_may_wait_are_put_off_in_a_crowd(
    submitted: float, position: int | None, typical: float | None, crowd: float, expected: float
) -> None:
    look = next_look(
        submitted_seconds=submitted,
        running_seconds=None,
        queue_position=position,
        typical_seconds=typical,
        crowd_seconds=crowd,
        jitter=0.5,
    )
    assert look.in_seconds == pytest.approx(expected, abs=0.51)
    assert look.in_seconds >= expected


@given(typical=st.floats(min_value=0.3, max_value=50), jitter=jitters)
def test_nobody_may_pull_the_look_before_the_expected_end(typical: float, jitter: float) -> None:
    assert first_look(typical, jitter).pull_in_seconds == typical


@pytest.mark.parametrize(
    ("normal", "slow"),
    [
        (SOONEST_SECONDS, SOONEST_SLOW_SECONDS),
        (1.58, SOONEST_SLOW_SECONDS),
        (2.0, 10.0),
        (7.0, 35.0),
        (59.0, 295.0),
        (LATEST_IN_QUEUE_SECONDS + 1.0, LATEST_SLOW_SECONDS),
    ],
)
def test_a_look_is_rare_while_webhooks_arrive_and_callers_may_have_it_at_its_normal_time(
    normal: float, slow: float
) -> None:
    assert slowed(Look(normal, 0.0)) == Look(slow, normal)


@given(normal=st.floats(min_value=SOONEST_SECONDS, max_value=LATEST_IN_QUEUE_SECONDS + 1.0))
def test_a_slow_look_is_never_nearer_than_the_normal_one(normal: float) -> None:
    look = slowed(Look(normal, 0.0))
    assert normal == look.pull_in_seconds < look.in_seconds


@pytest.mark.parametrize(
    ("failed", "retry_after", "expected"),
    [
        (0, None, 0.5),
        (1, None, 1.0),
        (4, None, 8.0),
        (500, None, 60.0),
        (0, 7.0, 7.0),
        (4, 3.0, 8.0),
        (0, 600.0, 600.0),
    ],
)
def test_failures_are_backed_off_and_retry_after_is_obeyed(
    failed: int, retry_after: float | None, expected: float
) -> None:
    assert after_failure(failed, retry_after, 0.0).in_seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("failed", "retry_after", "latest"),
    [(0, None, 1.0), (9, None, 120.0), (0, 20.0, 24.0), (0, 600.0, 720.0)],
)
def test_what_was_put_off_together_comes_back_spread(
    failed: int, retry_after: float | None, latest: float
) -> None:
    """A long `Retry-After` is not doubled by that."""
    assert after_failure(failed, retry_after, 0.999999).in_seconds == pytest.approx(latest, rel=1e-3)


@pytest.mark.parametrize(
    ("submitted", "looked", "inference", "expected"),
    [
        (1.58, None, 1.5, 1.5),  # what the upstream measured
        (1.58, None, 9.0, 1.58),  # but it cannot have ended after it was seen complete
        (5.0, 1.0, 2.0, 4.0),  # nor before it was seen pending: it waited in the queue first
        (10.0, None, None, 9.0),  # seen at once: perhaps it was complete earlier
        (10.0, 4.0, None, 8.0),  # between the two looks
    ],
)
def test_the_run_time_is_learned_from_what_was_seen(
    submitted: float, looked: float | None, inference: float | None, expected: float
) -> None:
    learned = estimated_run_seconds(
        submitted_seconds=submitted, looked_seconds=looked, inference_seconds=inference
    )
    assert learned == pytest.approx(expected)
