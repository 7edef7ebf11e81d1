import pytest

from app.vault.schedule import TRIES, after_try, pause_seconds


def test_a_day_of_tries_further_and_further_apart() -> None:
    pauses = [pause_seconds(failed, 0.0) for failed in range(1, TRIES)]
    known = [pause for pause in pauses if pause is not None]
    assert known == pauses == sorted(known)
    assert 22 * 3600 < sum(known) < 24 * 3600


@pytest.mark.parametrize("failed", [TRIES, TRIES + 1, 1000])
def test_then_it_is_given_up(failed: int) -> None:
    assert pause_seconds(failed, 0.5) is None


def test_what_failed_together_comes_again_apart() -> None:
    assert pause_seconds(1, 0.0) == 10.0
    assert pause_seconds(1, 0.999) == pytest.approx(9.0, abs=0.01)


@pytest.mark.parametrize(
    ("failed", "got_something", "failed_then", "pause"),
    [
        (0, False, 1, 10.0),
        (0, True, 0, 10.0),
        (1, False, 2, 60.0),
        (3, True, 3, 300.0),
        (TRIES - 1, False, TRIES, None),
        (TRIES - 1, True, TRIES - 1, 36_000.0),
    ],
)
def test_a_try_that_got_something_is_none_that_failed(
    failed: int,
    got_something: bool,
    failed_then: int,
    pause: float | None,
) -> None:
    assert after_try(failed, got_something=got_something, jitter=0.0) == (failed_then, pause)
