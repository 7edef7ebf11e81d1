"""Rows of many jobs as one list per column, in the order of the statements' parameters. Pure."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.jobs.job import Move, NewJob

# Beside the headers for the upstream, among which it can never be, and never sent.
TRACEPARENT = "traceparent"


def new_columns(jobs: Sequence[NewJob]) -> Sequence[list[Any]]:
    """The columns of `record_statements.RECORD`."""
    return (
        *_asked(jobs),
        [job.cache for job in jobs],
        [job.quote.version for job in jobs],
        [job.quote.basis for job in jobs],
        [job.quote.unit_micros for job in jobs],
        [job.quote.reserved_micros for job in jobs],
        [job.quote.images for job in jobs],
        [job.claims.key_digest for job in jobs],
        [job.claims.request_digest for job in jobs],
        [job.claims.cache_digest for job in jobs],
        [job.claims.replaces_keyed for job in jobs],
        [job.claims.replaces_cached for job in jobs],
    )


def answered_columns(jobs: Sequence[NewJob]) -> Sequence[list[Any]]:
    """The columns of `record_statements.RECORD_ANSWERED`."""
    return (
        *_asked(jobs),
        [job.source_job_id for job in jobs],
        [job.quote.images for job in jobs],
        [job.claims.key_digest for job in jobs],
        [job.claims.request_digest for job in jobs],
        [job.claims.replaces_keyed for job in jobs],
    )


def _asked(jobs: Sequence[NewJob]) -> Sequence[list[Any]]:
    return (
        [job.id for job in jobs],
        [job.team_id for job in jobs],
        [job.key_id for job in jobs],
        [job.token_id for job in jobs],
        [job.model_id for job in jobs],
        [job.prompt for job in jobs],
        [job.upstream_input.decode() for job in jobs],
        [_kept_headers(job) for job in jobs],
        [job.end_user for job in jobs],
    )


def headers_in(kept: str) -> dict[str, str]:
    """The headers for the upstream, out of what is kept with a job."""
    headers: dict[str, str] = orjson.loads(kept)
    headers.pop(TRACEPARENT, None)
    return headers


def _kept_headers(job: NewJob) -> str:
    """The headers for the upstream; few jobs have a trace of their caller's, which is kept beside them."""
    kept = job.upstream_headers
    if job.traceparent is not None:
        kept = {**kept, TRACEPARENT: job.traceparent}
    return orjson.dumps(kept).decode()


def move_columns(moves: Sequence[Move]) -> Sequence[list[Any]]:
    """The columns of `move_statements.MOVE` and `END`."""
    answers = [move.answer for move in moves]
    settled = [move.settlement for move in moves]
    return (
        [move.job_id for move in moves],
        [move.epoch for move in moves],
        [move.before for move in moves],
        [move.after for move in moves],
        [move.look_in_seconds for move in moves],
        [move.pull_in_seconds for move in moves],
        [move.failed_looks for move in moves],
        [move.upstream_id for move in moves],
        [move.queue_position for move in moves],
        [_text(move.logs) for move in moves],
        [_text(move.metrics) for move in moves],
        [move.error for move in moves],
        [move.error_type for move in moves],
        [move.cancel_answer for move in moves],
        [move.note for move in moves],
        [answer and answer.status_code for answer in answers],
        [answer and orjson.dumps(answer.headers).decode() for answer in answers],
        [answer and answer.body for answer in answers],
        [move.is_change for move in moves],
        [settlement and settlement.kind for settlement in settled],
        [settlement and settlement.spent_micros for settlement in settled],
        [settlement and settlement.images for settlement in settled],
        [move.saved_micros for move in moves],
        [move.expects_webhook for move in moves],
    )


def _text(value: bytes | None) -> str | None:
    """JSON as PostgreSQL's text takes it: a NUL, which only an escape can hold here, stays an escape."""
    return None if value is None else value.decode()
