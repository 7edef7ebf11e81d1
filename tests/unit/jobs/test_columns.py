"""Rows of jobs as PostgreSQL reads them, and what is kept with a job beside the headers for the upstream."""

from uuid import UUID

import orjson
from asyncpg.pgproto import pgproto

from app.billing.prices import Quote
from app.jobs.columns import headers_in, new_rows
from app.jobs.job import Claims, NewJob

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def test_where_a_trace_is_kept_is_no_header_for_the_upstream() -> None:
    assert headers_in('{"x-fal-no-retry":"1","traceparent":"00-1-2-01"}') == {"x-fal-no-retry": "1"}
    assert headers_in("{}") == {}


def test_digests_are_told_as_postgresql_writes_bytes_and_ids_that_come_from_the_driver_as_ids() -> None:
    job = NewJob(
        id=pgproto.UUID(ID.bytes),
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
    assert row["id"] == str(ID)
    assert (row["request_digest"], row["cache_digest"]) == ("\\x00ff", "\\x01")
    assert row["prompt"] == job.prompt
    assert row["headers"] == '{"x-fal-no-retry":"1","traceparent":"00-1-2-01"}'
    assert row.keys().isdisjoint({"token_id", "key_digest", "price_micros", "webhook_url"})
