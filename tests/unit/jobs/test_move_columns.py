"""Moves as PostgreSQL reads them."""

from dataclasses import replace
from uuid import UUID

import orjson

from app.billing.settlement import Settlement
from app.jobs.job import Move
from app.jobs.move_columns import move_columns
from app.jobs.states import JobState
from app.upstream.answers import ModelAnswer

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
QUEUED = Move(
    job_id=ID,
    epoch=1,
    before=JobState.SUBMITTING,
    after=JobState.QUEUED,
    look_in_seconds=1.5,
    pull_in_seconds=0.0,
    upstream_id="up",
)
MADE = Move(
    job_id=ID,
    epoch=2,
    before=JobState.QUEUED,
    after=JobState.SUCCEEDED,
    metrics=b'{"message":"a \\u0000"}',
    answer=ModelAnswer(200, {"content-type": "application/json"}, b"\xff\x00"),
    settlement=Settlement("charge", 25_000, 1),
)


def test_an_end_that_went_well_has_nothing_beside_its_columns() -> None:
    assert [column[1] for column in move_columns([QUEUED, MADE])] == [
        ID,
        2,
        "queued",
        "succeeded",
        True,
        '{"message":"a \\u0000"}',
        200,
        '{"content-type":"application/json"}',
        b"\xff\x00",
        "charge",
        25_000,
        1,
        None,
    ]


def test_what_goes_on_tells_when_it_is_looked_at_and_how_often_that_failed() -> None:
    *columns, rest = (column[0] for column in move_columns([QUEUED, MADE]))
    assert columns == [ID, 1, "submitting", "queued", True, *[None] * 7]
    assert orjson.loads(rest) == {"look_in": 1.5, "pull_in": 0.0, "failures": 0, "upstream_id": "up"}


def test_what_is_false_or_nothing_of_an_end_is_left_out() -> None:
    failed = replace(MADE, after=JobState.FAILED, failed_looks=3, note="no", logs=b'["\\u0000"]')
    *_, [rest] = move_columns([failed])
    assert orjson.loads(rest) == {"note": "no", "logs": '["\\u0000"]'}
