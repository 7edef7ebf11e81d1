"""The statement that moves jobs, and settles those that end.

What a job that ends owes beside that, its webhook and the copying of its pictures, the same statement owes.

The work row decides who may write: a row whose epoch has moved on is somebody else's by now. What the
upstream's webhook told since then is in that row, too: nobody gives up a job on which there is news, and a
job that goes on is due at once.

A job costs nothing before its end, but for one that an operator had sent again: what its first try may have
cost is charged already, and its end adds to that.
"""

from typing import Final

from app.jobs.placeholders import values_at
from app.webhooks.statements import LANE

# In the order of `move_columns.move_columns`. What the end of a job that went well has not is in `rest`,
# a JSON object: each array costs the driver something, and reading what is nothing costs PostgreSQL little.
_COLUMNS: Final = {
    "id": "uuid",
    "epoch": "int",
    "before": "text",
    "after": "text",
    "is_change": "bool",
    "metrics": "text",
    "code": "int",
    "headers": "text",
    "body": "bytea",
    "settled_by": "text",
    "spent": "bigint",
    "made": "int",
    "rest": "json",
}
_REST: Final = {
    "look_in": "float8",
    "pull_in": "float8",
    "failures": "int",
    "upstream_id": "text",
    "position": "int",
    "logs": "text",
    "error": "text",
    "error_type": "text",
    "cancel_answer": "text",
    "note": "text",
    "saved": "bigint",
    "expects_webhook": "bool",
}


def _values(rows: str) -> dict[str, str]:
    """Each value of a move by its name, where rows of that name tell its place."""
    found = values_at(_COLUMNS, f"{rows}.place")
    return found | {name: f"({found['rest']} ->> '{name}')::{kind}" for name, kind in _REST.items()}


# Rows are locked in the order of their ids: two batches with the same jobs cannot wait for each other. Each
# is looked up by itself: as a join, planned while little was under way, it read all that is under way.
_SEEN = """
    WITH seen AS (
        SELECT id, place::int AS place FROM unnest($1::uuid[]) WITH ORDINALITY AS seen (id, place)
        ORDER BY id
    ), owned AS (
        SELECT seen.id, seen.place, j.team_id, j.key_id, j.token_id, j.created_at, j.reserved_micros,
            j.images_asked, j.source_job_id, j.webhook_url, {settled_by} IS NOT NULL AS is_end,
            {settled_by} IS NOT NULL AND j.images_asked IS NOT NULL AND j.source_job_id IS NULL AS is_counted
        FROM seen
        CROSS JOIN LATERAL (
            SELECT FROM work w
            WHERE w.kind = 'follow' AND w.job_id = seen.id AND w.epoch = {epoch}
                AND (w.told_id IS NULL OR {after} NOT IN ('lost', 'expired'))
            FOR UPDATE
        ) AS held
        JOIN jobs j ON j.id = seen.id AND j.state = {before}
    )
"""

_MOVED = """
    , put_off AS (
        UPDATE work w SET
            due_at = now() + make_interval(secs => CASE WHEN w.told_id IS NULL THEN {look_in} ELSE 0 END),
            attempts = {failures}, is_leased = false,
            pull_from = now() + make_interval(secs => {pull_in})
        FROM owned WHERE w.kind = 'follow' AND w.job_id = owned.id AND {look_in} IS NOT NULL
    ), closed AS (
        DELETE FROM work w USING owned
        WHERE w.kind = 'follow' AND w.job_id = owned.id AND {look_in} IS NULL
    ), moved AS (
        UPDATE jobs j SET
            state = {after},
            upstream_id = COALESCE({upstream_id}, j.upstream_id),
            queue_position = {position},
            logs = COALESCE({logs}, j.logs),
            metrics = COALESCE({metrics}, j.metrics),
            error = COALESCE({error}, j.error),
            error_type = COALESCE({error_type}, j.error_type),
            cancel_answer = COALESCE({cancel_answer}, j.cancel_answer),
            submitted_at = CASE WHEN {upstream_id} IS NULL THEN j.submitted_at ELSE now() END,
            started_at = CASE WHEN {after} IN ('running', 'fetching')
                              THEN COALESCE(j.started_at, now()) ELSE j.started_at END,
            completed_at = CASE WHEN {look_in} IS NULL THEN now() END,
            cost_micros = CASE WHEN owned.is_end THEN {spent} + COALESCE(j.cost_micros, 0)
                               ELSE j.cost_micros END,
            saved_micros = {saved},
            images = {made},
            expects_webhook = j.expects_webhook OR COALESCE({expects_webhook}, false)
        FROM owned WHERE j.id = owned.id AND {is_change}
    ), events AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT id, now(), {before}, {after}, {note} FROM owned WHERE {before} <> {after}
    ), results AS (
        INSERT INTO job_results (job_id, status_code, headers, body)
        SELECT id, {code}, {headers}, {body} FROM owned WHERE {code} IS NOT NULL
    )
"""

# What a job reserved is given back to the window it was taken from; a window that is over is left as it was.
# Whoever waits for the answer of a job that ended looks at it now. Those jobs are asked for first, and nearly
# always there are none: put together as one join, all work that is not due yet was read for every end. The
# LIMIT, which no number of jobs reaches, keeps the planner from turning the question round.
_SETTLED = """
    , held AS (
        SELECT scope_id, window_start FROM allowances
        WHERE scope_id = ANY(ARRAY(
            SELECT unnest(CASE WHEN is_counted THEN ARRAY[team_id, key_id, token_id] ELSE ARRAY[team_id] END)
            FROM owned WHERE is_end
        ))
        ORDER BY scope_id FOR UPDATE
    ), counted AS (
        UPDATE allowances AS a SET
            reserved_micros = a.reserved_micros - s.reserved,
            spent_micros = a.spent_micros + s.spent,
            images = a.images - s.unmade,
            in_flight = a.in_flight - s.jobs
        FROM (
            SELECT h.scope_id, count(*)::int AS jobs,
                COALESCE(sum(t.reserved_micros) FILTER (WHERE t.created_at >= h.window_start), 0)::bigint
                    AS reserved,
                COALESCE(sum({spent}) FILTER (WHERE t.created_at >= h.window_start), 0)::bigint AS spent,
                COALESCE(sum(t.images_asked - {made}) FILTER (WHERE t.created_at >= h.window_start), 0)::int
                    AS unmade
            FROM held h JOIN owned t ON h.scope_id IN (t.team_id, t.key_id, t.token_id)
            WHERE t.is_counted
            GROUP BY h.scope_id
        ) AS s
        WHERE a.scope_id = s.scope_id
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note)
        SELECT t.team_id, t.id, {settled_by},
            CASE WHEN t.source_job_id IS NULL THEN -t.reserved_micros ELSE 0 END,
            {spent}, now(), {note}
        FROM owned t JOIN held ON held.scope_id = t.team_id
        WHERE t.is_end
    ), woken AS (
        UPDATE work w SET due_at = now()
        WHERE w.kind = 'follow' AND w.due_at > now() AND NOT w.is_leased AND w.job_id = ANY(ARRAY(
            SELECT joined.id FROM owned t CROSS JOIN LATERAL (
                SELECT j.id FROM jobs j WHERE j.source_job_id = t.id AND j.completed_at IS NULL
                LIMIT 1000000
            ) AS joined
            WHERE t.is_end
        ))
    )
"""

_OWNED = "SELECT id FROM owned"


def owed_by(ended: str) -> str:
    """The part of a statement that owes a webhook for each ended job that named one."""
    return f"""
        , telling AS (
            INSERT INTO deliveries (job_id, team_id, url, state, created_at)
            SELECT id, team_id, webhook_url, 'pending', now() FROM {ended} AS ended
            WHERE webhook_url IS NOT NULL
            RETURNING job_id, url
        ), owing AS (
            INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased, lane)
            SELECT 'deliver', job_id, now(), 0, 0, false, {LANE} FROM telling
        )
    """  # noqa: S608 # the argument is a constant


# Of jobs that made pictures themselves: one that was given another one's answer has that one's pictures.
_KEEPING = """
    , keeping AS (
        INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
        SELECT 'archive', t.id, now(), 0, 0, false FROM owned t JOIN teams ON teams.id = t.team_id
        WHERE t.is_end AND {after} = 'succeeded' AND t.source_job_id IS NULL AND teams.keeps_images
        RETURNING job_id
    )
"""
_OWNED_AND_KEPT = """
    SELECT owned.id, keeping.job_id IS NOT NULL AS is_archived
    FROM owned LEFT JOIN keeping ON keeping.job_id = owned.id
"""

_OWN_AND_MOVE = _SEEN.format(**_values("seen")) + _MOVED.format(**_values("owned"))
_SETTLE_AND_KEEP = (
    _SETTLED.format(**_values("t"))
    + owed_by("(SELECT * FROM owned WHERE is_end)")
    + _KEEPING.format(**_values("t"))
)

MOVE: Final = _OWN_AND_MOVE + _OWNED
END: Final = _OWN_AND_MOVE + _SETTLE_AND_KEEP + _OWNED_AND_KEPT
