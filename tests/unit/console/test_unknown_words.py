from datetime import UTC, datetime
from typing import Any

import pytest

from app.console.unknown_words import choices_of

NOW = datetime(2026, 7, 1, tzinfo=UTC)
JOB: dict[str, Any] = {
    "state": "unknown",
    "told_at": None,
    "completed_at": None,
    "resubmitted_at": None,
    "settled_at": None,
    "cancel_requested_at": None,
    "has_input": True,
    "is_let_in": True,
}
LOST = {"state": "lost", "completed_at": NOW}
MADE = {"state": "succeeded", "completed_at": NOW}


@pytest.mark.parametrize(
    ("facts", "possible"),
    [
        ({}, {"bind", "settle", "resubmit"}),
        ({"has_input": False}, {"bind", "settle"}),
        ({"is_let_in": False}, {"bind", "settle"}),
        ({"cancel_requested_at": NOW}, {"bind", "settle"}),
        ({"resubmitted_at": NOW}, {"bind", "settle"}),
        ({"told_at": NOW}, set()),
        (LOST, {"settle"}),
        (LOST | {"told_at": NOW}, {"settle"}),
        (LOST | {"settled_at": NOW}, set()),
        (LOST | {"resubmitted_at": NOW}, {"settle"}),
        ({"state": "queued"}, set()),
        ({"state": "running", "resubmitted_at": NOW}, set()),
        (MADE, set()),
        (MADE | {"resubmitted_at": NOW}, {"settle"}),
        (MADE | {"resubmitted_at": NOW, "settled_at": NOW}, set()),
    ],
)
def test_what_can_be_done(facts: dict[str, Any], possible: set[str]) -> None:
    why_not = choices_of(JOB | facts)
    assert {choice for choice, reason in why_not.items() if reason is None} == possible
