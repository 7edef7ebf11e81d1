from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.audit.job_statements import BAD_ENDS, OPEN, SUCCEEDED
from app.audit.shown_job import held_micros, shown_entry, shown_job
from app.jobs.states import TERMINAL, JobState

AT = datetime(2026, 3, 1, tzinfo=UTC)
ROW: dict[str, Any] = {
    "id": UUID(int=1),
    "state": "succeeded",
    "model": "fal-ai/flux-1/dev",
    "team": "a team",
    "key": "a key",
    "end_user": None,
    "prompt": "a cat",
    "input": '{"prompt":"a cat"}',
    "created_at": AT,
    "submitted_at": AT,
    "started_at": None,
    "completed_at": AT,
    "error": None,
    "error_type": None,
    "cache": "MISS",
    "source_job_id": None,
    "reserved_micros": 25_000,
    "cost_micros": 19_661,
    "saved_micros": None,
    "purged_at": None,
    "body": b"{}",
}
OPEN_JOB = {**ROW, "state": "queued", "completed_at": None, "cost_micros": None, "body": None}


@pytest.mark.parametrize(
    ("row", "cost", "reserved", "saved"),
    [
        (ROW, "0.019661", "0.000000", "0.000000"),
        ({**ROW, "cost_micros": 0, "state": "failed"}, "0.000000", "0.000000", "0.000000"),
        ({**ROW, "cost_micros": None}, None, "0.000000", "0.000000"),
        (OPEN_JOB, None, "0.025000", "0.000000"),
        ({**OPEN_JOB, "reserved_micros": None}, None, None, "0.000000"),
        ({**OPEN_JOB, "reserved_micros": None, "source_job_id": UUID(int=2)}, None, "0.000000", None),
        (
            {**ROW, "cost_micros": 0, "source_job_id": UUID(int=2), "saved_micros": 7},
            "0.000000",
            "0.000000",
            "0.000007",
        ),
        ({**ROW, "cost_micros": 0, "source_job_id": UUID(int=2)}, "0.000000", "0.000000", None),
    ],
)
def test_money_is_known_held_or_null(
    row: dict[str, Any], cost: str | None, reserved: str | None, saved: str | None
) -> None:
    told = shown_job(row)
    assert (told["cost_usd"], told["reserved_usd"], told["saved_usd"]) == (cost, reserved, saved)


@pytest.mark.parametrize(
    ("body", "images", "seed"),
    [
        (
            b'{"images":[{"url":"u","width":1,"height":2,"content_type":"c","more":3}],"seed":9}',
            [("u", 1, 2, "c")],
            9,
        ),
        (b'{"image":{"url":"u"}}', [("u", None, None, None)], None),
        (b'{"images":"none"}', [], None),
        (b'{"images":[1]}', [(None, None, None, None)], None),
        (b"[]", [], None),
        (b"no JSON", [], None),
        (b"", [], None),
    ],
)
def test_pictures_are_told_as_far_as_the_answer_holds_them(
    body: bytes, images: list[Any], seed: int | None
) -> None:
    told = shown_job({**ROW, "body": body})
    assert [tuple(image.values()) for image in told["images"]] == images
    assert told["seed"] == seed


def test_what_was_too_large_for_a_page_is_null() -> None:
    told = shown_job({**ROW, "body": None, "input": None})
    assert (told["images"], told["input"]) == (None, None)
    assert shown_job(OPEN_JOB)["images"] == []


@pytest.mark.parametrize(
    ("kind", "reserved", "spent", "amount"),
    [
        ("reserve", 25_000, 0, "0.025000"),
        ("reserve", None, None, None),
        ("charge", -25_000, 19_661, "0.019661"),
        ("charge", None, None, None),
        ("release", -25_000, 0, "0.025000"),
        ("release", None, None, None),
        ("adjust", 0, -7, "-0.000007"),
    ],
)
def test_an_entry_tells_its_own_amount(
    kind: str, reserved: int | None, spent: int | None, amount: str | None
) -> None:
    row = {"kind": kind, "reserved_micros": reserved, "spent_micros": spent, "at": AT, "note": None}
    assert shown_entry(row) == {"kind": kind, "at": AT, "amount_usd": amount, "note": None}


def test_nothing_is_held_once_a_job_has_ended() -> None:
    assert held_micros(ROW) == 0


def test_listings_know_every_state() -> None:
    assert {SUCCEEDED, *BAD_ENDS} == TERMINAL
    assert {SUCCEEDED, *BAD_ENDS, *OPEN} == set(JobState)
