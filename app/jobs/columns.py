"""Rows of many jobs as one JSON text, by the names that the statements give the columns. Pure.

An array for each column would be more usual. The driver asks each of 24 arrays, and each value in them, what
kind of container it may be: a row took it 82 microseconds alone and 9 among many. As JSON it takes 43 and 4,
and PostgreSQL takes no longer over the whole statement.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson

from app.jobs.job import Move, NewJob

# Beside the headers for the upstream, among which it can never be, and never sent.
TRACEPARENT = "traceparent"

Row = dict[str, Any]


def new_rows(jobs: Sequence[NewJob]) -> str:
    """The rows of `record_statements.RECORD`."""
    return _json(
        {
            **_asked(job),
            "cache": job.cache,
            "price_version": job.quote.version,
            "price_basis": job.quote.basis,
            "price_micros": job.quote.unit_micros,
            "reserved_micros": job.quote.reserved_micros,
            "cache_digest": _bytea(job.claims.cache_digest),
            "replaces_cached": job.claims.replaces_cached,
        }
        for job in jobs
    )


def answered_rows(jobs: Sequence[NewJob]) -> str:
    """The rows of `record_statements.RECORD_ANSWERED`."""
    return _json({**_asked(job), "source_job_id": job.source_job_id} for job in jobs)


def _asked(job: NewJob) -> Row:
    return {
        "id": job.id,
        "team_id": job.team_id,
        "key_id": job.key_id,
        "token_id": job.token_id,
        "model": job.model_id,
        "prompt": job.prompt,
        "input": job.upstream_input.decode(),
        "headers": kept_headers(job),
        "end_user": job.end_user,
        "images_asked": job.quote.images,
        "key_digest": _bytea(job.claims.key_digest),
        "request_digest": _bytea(job.claims.request_digest),
        "replaces_keyed": job.claims.replaces_keyed,
        "webhook_url": job.webhook_url,
    }


def headers_in(kept: str) -> dict[str, str]:
    """The headers for the upstream, out of what is kept with a job."""
    headers: dict[str, str] = orjson.loads(kept)
    headers.pop(TRACEPARENT, None)
    return headers


def kept_headers(job: NewJob) -> str:
    """The headers for the upstream; few jobs have a trace of their caller's, which is kept beside them."""
    kept = job.upstream_headers
    if job.traceparent is not None:
        kept = {**kept, TRACEPARENT: job.traceparent}
    return orjson.dumps(kept).decode()


def move_rows(moves: Sequence[Move]) -> str:
    """The rows of `move_statements.MOVE` and `END`, but for the bodies of answers."""
    return _json(map(_move_row, moves))


def bodies(moves: Sequence[Move]) -> list[bytes | None]:
    """The bodies of the answers, in the order of the rows; empty where there is none, which is usual."""
    found = [None if move.answer is None else move.answer.body for move in moves]
    return [] if all(body is None for body in found) else found


def _move_row(move: Move) -> Row:
    row: Row = {
        "id": move.job_id,
        "epoch": move.epoch,
        "before": move.before,
        "after": move.after,
        "look_in": move.look_in_seconds,
        "pull_in": move.pull_in_seconds,
        "failures": move.failed_looks,
        "upstream_id": move.upstream_id,
        "position": move.queue_position,
        "logs": _text(move.logs),
        "metrics": _text(move.metrics),
        "error": move.error,
        "error_type": move.error_type,
        "cancel_answer": move.cancel_answer,
        "note": move.note,
        "is_change": move.is_change,
        "saved": move.saved_micros,
        "expects_webhook": move.expects_webhook,
    }
    if move.answer is not None:
        row |= {"code": move.answer.status_code, "headers": orjson.dumps(move.answer.headers).decode()}
    if move.settlement is not None:
        settled = move.settlement
        row |= {"settled_by": settled.kind, "spent": settled.spent_micros, "made": settled.images}
    return row


def _json(rows: Iterable[Row]) -> str:
    """A column that is left out is NULL; PostgreSQL then has less to read."""
    filled = [{name: value for name, value in row.items() if value is not None} for row in rows]
    return orjson.dumps(filled, default=_id).decode()


def _id(value: object) -> str:
    """An id that came from the driver is of a kind of its own."""
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"no column takes {value!r}")


def _bytea(value: bytes | None) -> str | None:
    return None if value is None else "\\x" + value.hex()


def _text(value: bytes | None) -> str | None:
    """JSON as PostgreSQL's text takes it: a NUL, which only an escape can hold here, stays an escape."""
    return None if value is None else value.decode()
