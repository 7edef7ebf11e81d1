"""Rows of jobs as PostgreSQL reads them, and what is kept with a job beside the headers for the upstream."""

from dataclasses import replace
from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto

from app.billing.prices import Quote
from app.billing.settlement import Settlement
from app.jobs.columns import bodies, headers_in, move_rows, new_rows
from app.jobs.job import Claims, Move, NewJob
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
    logs=b'[{"message":"a \\u0000"}]',
    answer=ModelAnswer(200, {"content-type": "application/json"}, b"\xff\x00"),
    settlement=Settlement("charge", 25_000, 1),
)


def test_where_a_trace_is_kept_is_no_header_for_the_upstream() -> None:
    assert headers_in('{"x-fal-no-retry":"1","traceparent":"00-1-2-01"}') == {"x-fal-no-retry": "1"}
    assert headers_in("{}") == {}


def test_what_is_none_is_left_out_and_what_is_false_or_nothing_is_told() -> None:
    [row] = orjson.loads(move_rows([QUEUED]))
    assert row == {
        "id": str(ID),
        "epoch": 1,
        "before": "submitting",
        "after": "queued",
        "look_in": 1.5,
        "pull_in": 0.0,
        "failures": 0,
        "upstream_id": "up",
        "is_change": True,
        "expects_webhook": False,
    }


def test_an_end_tells_of_its_answer_but_for_the_body_which_need_not_be_text() -> None:
    rows = orjson.loads(move_rows([QUEUED, MADE]))
    assert "code" not in rows[0]
    told = {name: rows[1][name] for name in ("code", "headers", "settled_by", "spent", "made", "logs")}
    assert told == {
        "code": 200,
        "headers": '{"content-type":"application/json"}',
        "settled_by": "charge",
        "spent": 25_000,
        "made": 1,
        "logs": '[{"message":"a \\u0000"}]',
    }
    assert bodies([QUEUED, MADE]) == [None, b"\xff\x00"]
    assert bodies([QUEUED]) == []


def test_an_id_as_the_driver_gives_it_is_an_id_too() -> None:
    [row] = orjson.loads(move_rows([replace(QUEUED, job_id=pgproto.UUID(ID.bytes))]))
    assert row["id"] == str(ID)


def test_digests_are_told_as_postgresql_writes_bytes() -> None:
    job = NewJob(
        id=ID,
        team_id=ID,
        key_id=ID,
        token_id=None,
        model_id="fal-ai/flux-1/dev",
        prompt='a "cat" \\ \U0001f408',
        upstream_input=b'{"prompt":"a"}',
        upstream_headers={"x-fal-no-retry": "1"},
        end_user=None,
        cache="MISS",
        quote=Quote(None, None, None, None, 1),
        claims=Claims(ID, None, b"\x00\xff", b"\x01"),
        traceparent="00-1-2-01",
    )
    [row] = orjson.loads(new_rows([job]))
    assert (row["request_digest"], row["cache_digest"]) == ("\\x00ff", "\\x01")
    assert row["prompt"] == job.prompt
    assert row["headers"] == '{"x-fal-no-retry":"1","traceparent":"00-1-2-01"}'
    assert row.keys().isdisjoint({"token_id", "key_digest", "price_micros", "webhook_url"})
