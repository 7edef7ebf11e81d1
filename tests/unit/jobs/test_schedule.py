import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.plan import Plan, plan_for
from app.jobs.schedule import (
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
plans = st.lists(st.floats(min_value=0.01, max_value=10_000), min_size=1, max_size=20).map(plan_for)


ONE_LOOK = Plan(5.0, (5.1,))
TWO_LOOKS = Plan(5.0, (5.1, 7.1))
LONG = Plan(300.0, (303.05,))


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (None, 0.4),
        (Plan(0.1, (0.151,)), SOONEST_SECONDS),
        (ONE_LOOK, 5.1),
        (TWO_LOOKS, 5.1),
        (LONG, LATEST_SECONDS),
    ],
)
def test_the_first_look_comes_as_planned(plan: Plan | None, expected: float) -> None:
    assert first_look(plan, 0.0).in_seconds == pytest.approx(expected)


@pytest.mark.parametrize(
    ("submitted", "position", "plan", "expected", "pull_in"),
    [
        # Queued behind others: rarer the longer the queue.
        (1.0, 4, ONE_LOOK, 5.0, 5.0),
        (1.0, 1000, ONE_LOOK, LATEST_SECONDS, 1250.0),
        # Queued in front, or running: what the plan says, and callers have it sooner behind the median.
        (1.0, 0, ONE_LOOK, 4.1, 4.0),
        (1.0, None, ONE_LOOK, 4.1, 4.0),
        (5.2, None, TWO_LOOKS, 1.9, 0.0),
        # A look that came a moment early is that look.
        (5.05, None, TWO_LOOKS, 2.05, 0.0),
        # Late: a tenth of its age, never below the soonest, never above the latest.
        (9.0, None, TWO_LOOKS, 0.9, 0.0),
        (5.2, 0, ONE_LOOK, 0.52, 0.0),
        (1.0, None, Plan(0.4, (0.454,)), SOONEST_SECONDS, 0.0),
        (9000.0, None, ONE_LOOK, LATEST_SECONDS, 0.0),
        # Nothing learned yet: a quarter of its age.
        (0.4, None, None, SOONEST_SECONDS, 0.0),
        (2.0, None, None, 0.5, 0.0),
        (40.0, 7, None, 10.0, 0.0),
        (9000.0, None, None, LATEST_SECONDS, 0.0),
    ],
)
def test_the_next_look_follows_what_is_known(
    submitted: float, position: int | None, plan: Plan | None, expected: float, pull_in: float
) -> None:
    look = next_look(submitted_seconds=submitted, queue_position=position, plan=plan, jitter=0.0)
    assert (look.in_seconds, look.pull_in_seconds) == pytest.approx((expected, pull_in))


@given(
    submitted=seconds,
    position=st.none() | st.integers(min_value=0, max_value=2**31),
    plan=st.none() | plans,
    jitter=jitters,
)
def test_a_look_is_never_at_once_and_never_far(
    submitted: float, position: int | None, plan: Plan | None, jitter: float
) -> None:
    look = next_look(submitted_seconds=submitted, queue_position=position, plan=plan, jitter=jitter)
    assert SOONEST_SECONDS <= look.in_seconds <= LATEST_SECONDS + 0.5
    assert look.pull_in_seconds >= 0.0


@given(end=st.floats(min_value=0.1, max_value=600), plan=st.none() | plans, jitter=jitters)
def test_an_end_that_nobody_expected_is_found_within_a_share_of_its_age(
    end: float, plan: Plan | None, jitter: float
) -> None:
    """A tenth where runs are known and this one outlasts them, a quarter where none is."""
    age = 0.4 if plan is None else plan.looks[-1]
    while age < end:
        look = next_look(submitted_seconds=age, queue_position=None, plan=plan, jitter=jitter)
        before, age = age, age + look.in_seconds
        step = (0.25 if plan is None else 0.1) * before * 1.05
        assert look.in_seconds <= max(step, SOONEST_SECONDS * 1.05)


@pytest.mark.parametrize(
    ("submitted", "position", "plan", "crowd", "expected"),
    [
        # One that may end at any time: by nothing to twice as long as it came late, here by as long.
        (40.0, None, None, 0.0, 10.0),
        (40.0, None, None, 8.0, 18.0),
        (40.0, 3, Plan(20.0, (20.25,)), 8.0, 23.0),
        # Never behind its expected end: 300 seconds come in steps of a minute, the last is what is left.
        (10.0, None, LONG, 0.0, LATEST_SECONDS),
        (10.0, None, LONG, 50.0, LATEST_SECONDS + 50.0),
        (270.0, None, LONG, 50.0, 33.05),
        # One that is late is looked at as if it were alone.
        (40.0, None, Plan(20.0, (20.25,)), 50.0, 4.0),
        # After a stop of an hour there is a crowd as well, but nobody waits an hour for that: of the unknown
        # for another step, of others for a minute.
        (40.0, None, None, 3600.0, 10.0 + 10.0),
        (40.0, 100, Plan(20.0, (20.25,)), 3600.0, LATEST_SECONDS + LONGEST_CROWD_SECONDS),
    ],
)
def test_looks_that_may_wait_are_put_off_in_a_crowd(
    submitted: float, position: int | None, plan: Plan | None, crowd: float, expected: float
) -> None:
    look = next_look(
        submitted_seconds=submitted,
        queue_position=position,
        plan=plan,
        crowd_seconds=crowd,
        jitter=0.5,
    )
    assert look.in_seconds == pytest.approx(expected, abs=0.51)
    assert look.in_seconds >= expected


@given(typical=st.floats(min_value=0.3, max_value=50), jitter=jitters)
def test_nobody_may_pull_the_look_before_the_expected_end(typical: float, jitter: float) -> None:
    assert first_look(plan_for([typical]), jitter).pull_in_seconds == typical


@pytest.mark.parametrize(
    ("normal", "slow"),
    [
        (SOONEST_SECONDS, SOONEST_SLOW_SECONDS),
        (1.58, SOONEST_SLOW_SECONDS),
        (2.0, 10.0),
        (7.0, 35.0),
        (59.0, 295.0),
        (LATEST_SECONDS + 1.0, LATEST_SLOW_SECONDS),
    ],
)
def test_a_look_is_rare_while_webhooks_arrive_and_callers_may_have_it_at_its_normal_time(
    normal: float, slow: float
) -> None:
    assert slowed(Look(normal, 0.0)) == Look(slow, normal)


@given(normal=st.floats(min_value=SOONEST_SECONDS, max_value=LATEST_SECONDS + 1.0))
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
    ("submitted", "looked", "inference", "typical", "expected"),
    [
        (1.58, None, 1.5, None, 1.5),  # what the upstream measured
        (1.58, None, 9.0, None, 1.58),  # but it cannot have ended after it was seen complete
        (5.0, 1.0, 2.0, 2.0, 4.0),  # nor before it was seen pending: it waited in the queue first
        (10.0, None, None, None, 9.0),  # seen at once: perhaps it was complete earlier
        (10.0, None, None, 6.0, 6.0),  # perhaps when others are
        (10.0, None, None, 12.0, 9.0),
        (10.0, 4.0, None, 6.0, 8.0),  # between the two looks
    ],
)
def test_the_run_time_is_learned_from_what_was_seen(
    submitted: float, looked: float | None, inference: float | None, typical: float | None, expected: float
) -> None:
    learned = estimated_run_seconds(
        submitted_seconds=submitted,
        looked_seconds=looked,
        inference_seconds=inference,
        typical_seconds=typical,
    )
    assert learned == pytest.approx(expected)
