"""Moves as one list per column, for the statements of `move_statements`. Pure."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.jobs.job import Move


def move_columns(moves: Sequence[Move]) -> Sequence[list[Any]]:
    """The columns of `move_statements.MOVE` and `END`."""
    answers = [move.answer for move in moves]
    settlements = [move.settlement for move in moves]
    return (
        [move.job_id for move in moves],
        [move.epoch for move in moves],
        [move.before for move in moves],
        [move.after for move in moves],
        [move.is_change for move in moves],
        [_text(move.metrics) for move in moves],
        [None if answer is None else answer.status_code for answer in answers],
        [None if answer is None else orjson.dumps(answer.headers).decode() for answer in answers],
        [None if answer is None else answer.body for answer in answers],
        [None if settled is None else settled.kind for settled in settlements],
        [None if settled is None else settled.spent_micros for settled in settlements],
        [None if settled is None else settled.images for settled in settlements],
        [_rest(move) for move in moves],
    )


def _rest(move: Move) -> str | None:
    """What the end of a job that went well has nothing of, as a JSON object; None where there is nothing."""
    told = {
        "look_in": move.look_in_seconds,
        "pull_in": move.pull_in_seconds,
        "failures": None if move.look_in_seconds is None else move.failed_looks,
        "upstream_id": move.upstream_id,
        "position": move.queue_position,
        "logs": _text(move.logs),
        "error": move.error,
        "error_type": move.error_type,
        "cancel_answer": move.cancel_answer,
        "note": move.note,
        "saved": move.saved_micros,
        "expects_webhook": move.expects_webhook or None,
    }
    kept = {name: value for name, value in told.items() if value is not None}
    return orjson.dumps(kept).decode() if kept else None


def _text(value: bytes | None) -> str | None:
    """JSON as PostgreSQL's text takes it: a NUL, which only an escape can hold here, stays an escape."""
    return None if value is None else value.decode()
