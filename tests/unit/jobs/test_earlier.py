"""Whether an earlier job's answer may be given again, and what a refusal says."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.errors import BudgetExceeded, TooManyInFlight
from app.jobs.admission import Earlier, Recorded, Refusal, TakenBefore, outcome_of
from app.jobs.states import TERMINAL, JobState

NOTHING = Earlier(
    keyed_job_id=None,
    keyed_request_digest=None,
    is_replay=False,
    cached_job_id=None,
    cached_state=None,
    cached_is_cancelled=False,
    cached_age_seconds=None,
    cached_is_purged=False,
)
MADE = replace(NOTHING, cached_job_id=uuid4(), cached_state=JobState.SUCCEEDED, cached_age_seconds=60.0)
UNDER_WAY = frozenset(JobState) - TERMINAL - {JobState.UNKNOWN}


@pytest.mark.parametrize(("max_age_seconds", "answers"), [(60, True), (59, False), (3600, True), (0, False)])
def test_an_answer_is_given_while_it_is_young_enough(max_age_seconds: float, answers: bool) -> None:
    assert MADE.answers(max_age_seconds=max_age_seconds) is answers


@pytest.mark.parametrize("state", JobState)
def test_one_under_way_is_joined_and_one_that_failed_answers_nobody(state: JobState) -> None:
    earlier = replace(MADE, cached_state=state, cached_age_seconds=None)
    assert earlier.answers(max_age_seconds=1) is (state in UNDER_WAY or state is JobState.SUCCEEDED)
    assert earlier.answers(max_age_seconds=0) is False


def test_one_whose_answer_has_gone_answers_nobody() -> None:
    assert not replace(MADE, cached_is_purged=True).answers(max_age_seconds=1000)


def test_one_that_somebody_cancelled_is_not_joined() -> None:
    earlier = replace(MADE, cached_state=JobState.RUNNING, cached_is_cancelled=True)
    assert not earlier.answers(max_age_seconds=1000)
    assert not NOTHING.answers(max_age_seconds=1000)


REFUSAL = Refusal("budget", "team", 1_000_000, -5, None, None, datetime(2026, 12, 1, tzinfo=UTC))


def test_a_refusal_for_money_says_what_is_left() -> None:
    error = REFUSAL.as_error()
    assert isinstance(error, BudgetExceeded)
    assert error.facts == {
        "scope": "team",
        "limit_usd": "1.000000",
        "left_usd": "0.000000",
        "resets_at": "2026-12-01T00:00:00Z",
    }
    assert "2026-12-01T00:00:00Z" in error.detail
    assert replace(REFUSAL, resets_at=None).as_error().facts["resets_at"] is None


def test_other_refusals_say_what_was_the_limit() -> None:
    images = replace(REFUSAL, limit="images", scope="token", left_images=2).as_error()
    assert (images.status, images.facts) == (402, {"scope": "token", "left_images": 2})
    slots = replace(REFUSAL, limit="in_flight", max_in_flight=3).as_error()
    assert isinstance(slots, TooManyInFlight)
    assert slots.retry_after_seconds
    assert "3 jobs" in slots.detail


def test_each_word_of_the_statement_means_one_thing() -> None:
    row = dict.fromkeys(("budget_micros", "left_micros", "left_images", "max_in_flight", "resets_at"))
    assert outcome_of("submitting", {}) == Recorded(JobState.SUBMITTING)
    assert outcome_of("earlier", {}) == TakenBefore()
    assert outcome_of("budget", {**row, "scope": "key"}) == Refusal(
        "budget", "key", None, None, None, None, None
    )
    with pytest.raises(ValueError, match="unknown scope"):
        outcome_of("unknown scope", {})
