import random
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.plan import AFTER_EXPECTED_END, GRACE_SECONDS, POINTS, Plan, plan_for

runs_seen = st.lists(st.floats(min_value=0.01, max_value=10_000), min_size=1, max_size=64)


def ends_of(plan: Plan) -> list[float]:
    """The run times that the looks are meant for."""
    return [round((look - GRACE_SECONDS) / AFTER_EXPECTED_END, 3) for look in plan.looks]


@pytest.mark.parametrize(
    ("runs", "ends"),
    [
        ([3.0], [3.0]),
        # All alike: one look, behind the last of them.
        ([1.5] * 64, [1.5]),
        ([1.5, 1.45, 1.55, 1.5], [1.55]),
        # As far apart as a look is worth.
        ([8.0, 9.0, 12.0], [8.0, 9.0, 12.0]),
        ([1.0, 1.1, 3.0], [1.1, 3.0]),
        # Some start cold: nobody else waits for those, and nothing is asked in between.
        ([1.5] * 60 + [6.0] * 4, [1.5, 6.0]),
        # One of very many is no reason for a look.
        ([1.5] * 63 + [60.0], [1.5]),
        # Where a run takes minutes, seconds are not worth a look.
        ([100.0, 101.0, 102.0], [102.0]),
    ],
)
def test_looks_are_where_jobs_end(runs: Sequence[float], ends: list[float]) -> None:
    assert ends_of(plan_for(runs)) == ends


def test_jobs_of_seconds_are_found_soon_for_few_looks() -> None:
    """Evenly spread run times: within 1.5 s for all but a few, and two looks on average of all twelve."""
    looks, lags = [], []
    for typical, spread in product((1.0, 2.0, 3.0, 5.0, 7.0, 10.0), (0.2, 0.33)):
        runs = [typical * (1 + spread * (2 * number / 63 - 1)) for number in range(64)]
        planned = plan_for(runs).looks
        for run in runs:
            looks.append(sum(look < run for look in planned) + 1)
            lags.append(next((look for look in planned if look >= run), run * 1.1) - run)
    assert sorted(lags)[int(0.5 * len(lags))] < 0.5
    assert sorted(lags)[int(0.95 * len(lags))] < 1.5
    assert sum(looks) / len(looks) < 2.0


@given(runs=runs_seen)
def test_looks_rise_and_the_last_is_behind_nearly_all(runs: list[float]) -> None:
    plan = plan_for(runs)
    assert 1 <= len(plan.looks) <= POINTS
    assert list(plan.looks) == sorted(plan.looks)
    assert sum(run > plan.looks[-1] for run in runs) <= len(runs) / POINTS


@given(runs=runs_seen)
def test_the_order_of_the_runs_is_nothing(runs: list[float]) -> None:
    shuffled = random.Random(7).sample(runs, len(runs))
    assert plan_for(shuffled) == plan_for(runs)


@pytest.mark.parametrize(
    ("age", "expected"), [(0.0, 5.1), (5.0, 2.1), (5.05, 2.05), (6.0, 1.1), (7.2, None), (900.0, None)]
)
def test_the_next_look_of_a_plan(age: float, expected: float | None) -> None:
    wait = Plan(5.0, (5.1, 7.1)).wait_seconds(age)
    assert wait == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("age", "expected"), [(0.0, 0.5), (0.3, 0.2), (0.5, 0.25), (4.0, 2.0), (50.0, 10.0)])
def test_a_job_that_ends_in_a_gap_is_found_before_the_end_of_the_gap(age: float, expected: float) -> None:
    assert Plan(0.3, (0.5, 60.0)).wait_seconds(age) == pytest.approx(expected)
