"""What follows from a try."""

import pytest

from app.webhooks.backoff import TRIES
from app.webhooks.delivery import DeliveryState, Tried, verdict_on


@pytest.mark.parametrize("status_code", [200, 201, 202, 204, 299])
def test_2xx_is_all_that_counts(status_code: int) -> None:
    verdict = verdict_on(Tried(status_code, None, 1), failed_tries=3, jitter=0.0)
    assert (verdict.state, verdict.again_in_seconds) == (DeliveryState.DELIVERED, None)


@pytest.mark.parametrize(
    "status_code", [100, 101, 199, 300, 301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503]
)
def test_everything_else_is_tried_again(status_code: int) -> None:
    verdict = verdict_on(Tried(status_code, None, 1), failed_tries=0, jitter=0.0)
    assert (verdict.state, verdict.again_in_seconds) == (DeliveryState.PENDING, 5.0)


def test_no_answer_is_tried_again_and_in_the_end_given_up() -> None:
    silent = Tried(None, "the receiver did not answer in time", 15_000)
    states = [verdict_on(silent, failed_tries=failed, jitter=0.0).state for failed in range(TRIES)]
    assert states == [*[DeliveryState.PENDING] * (TRIES - 1), DeliveryState.FAILED]
