"""The statements of the moves that are written most: of jobs that the upstream has taken, or is still at.

They do what `move_statements.MOVE` does, for moves that carry nothing large and nothing rare. Of one job
alone the values stand in the statement: unfolding an array for each, and joining each part of the statement
with the one row that they hold, took a third of the time.
"""

from typing import Final

from app.jobs.placeholders import alone, values_at

# In the order of `usual_columns.going_on_columns`.
_COLUMNS: Final = {
    "id": "uuid",
    "epoch": "int",
    "before": "text",
    "after": "text",
    "look_in": "float8",
    "pull_in": "float8",
    "failures": "int",
    "upstream_id": "text",
    "position": "int",
    "note": "text",
    "is_change": "bool",
    "expects_webhook": "bool",
}

_ONE = """
    WITH owned AS (
        UPDATE work w SET
            due_at = now() + make_interval(secs => CASE WHEN w.told_id IS NULL THEN {look_in} ELSE 0 END),
            attempts = {failures}, is_leased = false,
            pull_from = now() + make_interval(secs => {pull_in})
        FROM jobs j
        WHERE w.kind = 'follow' AND w.job_id = {id} AND w.epoch = {epoch}
            AND j.id = {id} AND j.state = {before}
        RETURNING w.job_id AS id
    )
"""

# See `move_statements` for the order of locks.
_MANY = """
    WITH seen AS (
        SELECT id, place::int AS place FROM unnest($1::uuid[]) WITH ORDINALITY AS seen (id, place)
        ORDER BY id
    ), owned AS (
        SELECT seen.id, seen.place
        FROM seen
        CROSS JOIN LATERAL (
            SELECT FROM work w WHERE w.kind = 'follow' AND w.job_id = seen.id AND w.epoch = {epoch}
            FOR UPDATE
        ) AS held
        JOIN jobs j ON j.id = seen.id AND j.state = {before}
    )
"""
_MANY_PUT_OFF = """
    , put_off AS (
        UPDATE work w SET
            due_at = now() + make_interval(secs => CASE WHEN w.told_id IS NULL THEN {look_in} ELSE 0 END),
            attempts = {failures}, is_leased = false,
            pull_from = now() + make_interval(secs => {pull_in})
        FROM owned WHERE w.kind = 'follow' AND w.job_id = owned.id
    )
"""

_MOVED = """
    , moved AS (
        UPDATE jobs j SET
            state = {after},
            upstream_id = COALESCE({upstream_id}, j.upstream_id),
            queue_position = {position},
            submitted_at = CASE WHEN {upstream_id} IS NULL THEN j.submitted_at ELSE now() END,
            started_at = CASE WHEN {after} IN ('running', 'fetching')
                              THEN COALESCE(j.started_at, now()) ELSE j.started_at END,
            expects_webhook = j.expects_webhook OR {expects_webhook}
        FROM owned WHERE j.id = owned.id AND {is_change}
    ), events AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT owned.id, now(), {before}, {after}, {note} FROM owned WHERE {before} <> {after}
    )
    SELECT id FROM owned
"""

GO_ON_ONE: Final = (_ONE + _MOVED).format(**alone(_COLUMNS))
GO_ON_MANY: Final = _MANY.format(**values_at(_COLUMNS, "seen.place")) + (_MANY_PUT_OFF + _MOVED).format(
    **values_at(_COLUMNS, "owned.place")
)
