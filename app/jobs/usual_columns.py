"""Rows of many jobs as one list per column, for the statements of the usual case. Pure."""

from collections.abc import Sequence
from typing import Any

from app.jobs.columns import kept_headers
from app.jobs.job import Move, NewJob


def fitting_columns(jobs: Sequence[NewJob]) -> Sequence[list[Any]]:
    """The columns of `fitting_statements.RECORD_FITTING`; for one job the first of each."""
    return (
        [job.id for job in jobs],
        [job.team_id for job in jobs],
        [job.key_id for job in jobs],
        [job.token_id for job in jobs],
        [job.model_id for job in jobs],
        [job.prompt for job in jobs],
        [job.upstream_input.decode() for job in jobs],
        [kept_headers(job) for job in jobs],
        [job.end_user for job in jobs],
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
        [job.webhook_url for job in jobs],
    )


def wants_columns(jobs: Sequence[NewJob]) -> Sequence[list[Any]]:
    """What jobs ask of each team, key and token together, where there is more than one job."""
    wants: dict[object, list[Any]] = {}
    for job in jobs:
        reserved_micros, images = job.quote.reserved_micros, job.quote.images
        for scope_id in (job.team_id, job.key_id, job.token_id):
            if scope_id is not None:
                want = wants.setdefault(scope_id, [scope_id, 0, 0, 0, False])
                want[1] += reserved_micros or 0
                want[2] += images
                want[3] += 1
                want[4] |= reserved_micros is None
    return [list(column) for column in zip(*wants.values(), strict=True)]


def going_on_columns(moves: Sequence[Move]) -> Sequence[list[Any]]:
    """The columns of `go_on_statements.GO_ON_MANY`; `GO_ON_ONE` takes the first of each."""
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
        [move.note for move in moves],
        [move.is_change for move in moves],
        [move.expects_webhook for move in moves],
    )
