"""The steps of a job with their durations, to scale, and its ending in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.console.job_words import BAR_WIDTH, ENDINGS, THINNEST, ending_of, steps_of

BEGUN = datetime(2026, 3, 2, tzinfo=UTC)


def timeline(*steps: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"at": BEGUN + timedelta(seconds=at), "to": state, "note": None} for state, at in steps]


def drawn(*steps: tuple[str, float], now: float, is_final: bool) -> list[tuple[float | None, int, int]]:
    moment = BEGUN + timedelta(seconds=now)
    found = steps_of(timeline(*steps), now=moment, is_final=is_final)
    return [(step.seconds, step.left, step.width) for step in found]


def test_the_steps_of_an_ended_job_fill_the_bar() -> None:
    steps = (("submitting", 0), ("queued", 1), ("running", 3), ("succeeded", 4))
    assert drawn(*steps, now=99, is_final=True) == [(1, 0, 250), (2, 250, 500), (1, 750, 250), (None, 997, 0)]


def test_what_goes_on_reaches_to_this_moment() -> None:
    assert drawn(("submitting", 0), ("queued", 1), now=4, is_final=False) == [(1, 0, 250), (3, 250, 750)]


def test_clocks_that_differ_and_short_steps_are_drawn_all_the_same() -> None:
    assert drawn(("submitting", 0), ("queued", 1), now=-5, is_final=False) == [
        (1, 0, BAR_WIDTH),
        (0, BAR_WIDTH - THINNEST, THINNEST),
    ]
    assert drawn(("submitting", 0), ("failed", 0), now=0, is_final=True) == [(0, 0, THINNEST), (None, 0, 0)]
    assert drawn(now=0, is_final=True) == []


@pytest.mark.parametrize("error_type", ENDINGS)
def test_endings_that_are_known_are_told_in_words(error_type: str) -> None:
    assert ending_of({"state": "failed", "error_type": error_type}) == ENDINGS[error_type]


def test_others_stand_for_themselves() -> None:
    assert ending_of({"state": "failed", "error_type": "new_type"}) is None
    assert ending_of({"state": "succeeded", "error_type": None}) is None
    assert "queue" in (ending_of({"state": "queued", "error_type": None}) or "")
