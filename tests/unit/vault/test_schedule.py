import pytest

from app.vault.schedule import TRIES, pause_seconds


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
