import pytest

from app.jobs.job import EVERYWHERE_SECONDS
from app.work.reach import MARGIN_SECONDS, ROUND_SECONDS, Reach


@pytest.mark.parametrize(
    ("left", "after", "back"),
    [
        # Nothing was left: what came due since, and what was being written then.
        (0.0, 0.0, MARGIN_SECONDS),
        (0.0, 0.5, 0.5 + MARGIN_SECONDS),
        # What is due for less than four seconds was left.
        (4.0, 0.5, 4.5 + MARGIN_SECONDS),
        (0.0, ROUND_SECONDS - 0.01, ROUND_SECONDS - 0.01 + MARGIN_SECONDS),
        (0.0, ROUND_SECONDS, EVERYWHERE_SECONDS),
    ],
)
def test_a_claim_looks_as_far_back_as_the_one_before_left_off(left: float, after: float, back: float) -> None:
    reach = Reach()
    reach.back_seconds(1000.0)
    reach.claimed(1000.0, left)
    assert reach.back_seconds(1000.0 + after) == pytest.approx(back)


def test_the_first_claim_looks_everywhere() -> None:
    assert Reach().back_seconds(1000.0) == EVERYWHERE_SECONDS


def test_a_claim_that_failed_leaves_no_more_out_than_the_one_before() -> None:
    reach = Reach()
    reach.back_seconds(1000.0)
    reach.claimed(1000.0, 0.0)
    reach.back_seconds(1001.0)
    assert reach.back_seconds(1002.0) == pytest.approx(2.0 + MARGIN_SECONDS)


def test_everywhere_is_looked_once_in_a_round_however_many_claims_there_are() -> None:
    reach = Reach()
    found = []
    for second in range(int(4 * ROUND_SECONDS)):
        found.append(reach.back_seconds(float(second)))
        reach.claimed(float(second), 0.0)
    assert found.count(EVERYWHERE_SECONDS) == 4


def test_a_first_claim_that_failed_is_made_everywhere_again() -> None:
    reach = Reach()
    reach.back_seconds(0.0)
    assert reach.back_seconds(0.1) == EVERYWHERE_SECONDS
