"""When a webhook is tried again."""

import pytest

from app.webhooks.backoff import PAUSES_SECONDS, TRIES, asked_seconds, pause_seconds

DAY_SECONDS = 24 * 3600


@pytest.mark.parametrize(
    ("failed_tries", "seconds"),
    [
        (1, 5),
        (2, 30),
        (3, 120),
        (4, 600),
        (5, 1800),
        (6, 3600),
        (7, 7200),
        (8, 14_400),
        (9, 21_600),
        (10, 36_000),
    ],
)
def test_each_pause(failed_tries: int, seconds: float) -> None:
    assert pause_seconds(failed_tries, 0.0) == seconds
    assert pause_seconds(failed_tries, 0.5) == pytest.approx(seconds * 0.95)
    assert seconds * 0.9 < (pause_seconds(failed_tries, 0.999) or 0.0) < seconds


def test_after_the_last_try_it_is_given_up() -> None:
    assert TRIES == 11
    assert pause_seconds(TRIES, 0.0) is None
    assert pause_seconds(TRIES + 1, 0.0) is None


def test_all_tries_fit_into_a_day_and_use_most_of_it() -> None:
    assert 0.85 * DAY_SECONDS < 0.9 * sum(PAUSES_SECONDS) < sum(PAUSES_SECONDS) < DAY_SECONDS


@pytest.mark.parametrize(
    ("asked", "jitter", "seconds"),
    [
        (None, 0.5, 0.0),
        (60.0, 0.0, 60.0),
        (60.0, 0.5, 63.0),
        (3500.0, 0.999, 3600.0),
        (3600.0, 0.0, 3600.0),
        (3600.0, 0.5, 3600.0),
        (86_400.0, 0.999, 3600.0),
    ],
)
def test_a_receiver_gets_the_pause_that_it_asks_for_up_to_an_hour(
    asked: float | None, jitter: float, seconds: float
) -> None:
    assert asked_seconds(asked, jitter) == pytest.approx(seconds)
