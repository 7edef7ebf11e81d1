"""What follows from a try."""

import pytest

from app.webhooks.backoff import LONGEST_ASKED_SECONDS, TRIES
from app.webhooks.delivery import DeliveryState, Tried, verdict_on


@pytest.mark.parametrize("status_code", [200, 201, 202, 204, 299])
def test_2xx_is_all_that_counts(status_code: int) -> None:
    verdict = verdict_on(Tried(status_code, None, 1), failed_tries=3, jitter=0.0)
    assert (verdict.state, verdict.again_in_seconds) == (DeliveryState.DELIVERED, None)


@pytest.mark.parametrize(
    "status_code", [100, 101, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 429, 500, 503]
)
def test_everything_else_is_tried_again(status_code: int) -> None:
    verdict = verdict_on(Tried(status_code, None, 1), failed_tries=0, jitter=0.0)
    assert (verdict.state, verdict.again_in_seconds) == (DeliveryState.PENDING, 5.0)


def test_no_answer_is_tried_again_and_in_the_end_given_up() -> None:
    silent = Tried(None, "the receiver did not answer in time", 15_000)
    states = [verdict_on(silent, failed_tries=failed, jitter=0.0).state for failed in range(TRIES)]
    assert states == [*[DeliveryState.PENDING] * (TRIES - 1), DeliveryState.FAILED]


def test_a_receiver_that_is_gone_is_asked_no_more() -> None:
    verdict = verdict_on(Tried(410, None, 1), failed_tries=0, jitter=0.0)
    assert (verdict.state, verdict.again_in_seconds) == (DeliveryState.FAILED, None)


@pytest.mark.parametrize(
    ("failed_tries", "asked", "again_in"),
    [(0, None, 5.0), (0, 2.0, 5.0), (0, 60.0, 60.0), (2, 60.0, 120.0), (0, 1e9, LONGEST_ASKED_SECONDS)],
)
def test_a_receiver_that_asks_for_time_gets_it(
    failed_tries: int, asked: float | None, again_in: float
) -> None:
    tried = Tried(503, None, 1, retry_after_seconds=asked)
    assert verdict_on(tried, failed_tries=failed_tries, jitter=0.0).again_in_seconds == again_in
    late = verdict_on(tried, failed_tries=failed_tries, jitter=0.99).again_in_seconds
    assert late is not None
    assert late <= again_in * 1.1


def test_asking_for_time_gives_no_further_tries() -> None:
    tried = Tried(503, None, 1, retry_after_seconds=60.0)
    assert verdict_on(tried, failed_tries=TRIES - 1, jitter=0.0).state is DeliveryState.FAILED
