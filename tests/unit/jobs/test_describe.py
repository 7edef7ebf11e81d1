from datetime import UTC, datetime

from app.jobs.describe import attempts_in
from app.jobs.job import JobEvent

AT = datetime(2026, 1, 2, tzinfo=UTC)


def test_each_hand_over_is_an_attempt_with_its_outcome() -> None:
    events = [
        JobEvent(AT, None, "submitting", None),
        JobEvent(AT, "submitting", "accepted", "nothing was sent"),
        JobEvent(AT, "accepted", "submitting", None),
        JobEvent(AT, "submitting", "queued", None),
        JobEvent(AT, "queued", "succeeded", None),
    ]
    assert attempts_in(events) == [
        {"at": AT, "outcome": "accepted", "note": "nothing was sent"},
        {"at": AT, "outcome": "queued", "note": None},
    ]


def test_an_attempt_that_is_under_way_has_no_outcome() -> None:
    assert attempts_in([JobEvent(AT, None, "submitting", None)]) == [
        {"at": AT, "outcome": None, "note": None}
    ]
