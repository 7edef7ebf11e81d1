"""The statement that moves jobs, and settles those that end.

What a job that ends owes beside that, its webhook and the copying of its pictures, the same statement owes.

The work row decides who may write: a row whose epoch has moved on is somebody else's by now. What the
upstream's webhook told since then is in that row, too: nobody gives up a job on which there is news, and a
job that goes on is due at once.

A job costs nothing before its end, but for one that an operator had sent again: what its first try may have
cost is charged already, and its end adds to that.
"""

from app.webhooks.statements import LANE

# The rows come as JSON, as in `record_statements.py`, and the answers' bodies, which may be large, beside it.
_SEEN = """
    WITH seen AS (
        SELECT *, ($2::bytea[])[ordinality] AS body FROM ROWS FROM (json_to_recordset($1::json) AS (
            id uuid, epoch int, before text, after text, look_in float8, pull_in float8, failures int,
            upstream_id text, position int, logs text, metrics text, error text, error_type text,
            cancel_answer text, note text, code int, headers text, is_change bool, settled_by text,
            spent bigint, made int, saved bigint, expects_webhook bool
        )) WITH ORDINALITY LIMIT $3
    ), owned AS (
        SELECT w.job_id, seen.*, j.team_id, j.key_id, j.token_id, j.created_at, j.reserved_micros,
            j.images_asked, j.source_job_id, j.webhook_url
        FROM seen
        JOIN work w ON w.kind = 'follow' AND w.job_id = seen.id AND w.epoch = seen.epoch
        JOIN jobs j ON j.id = seen.id AND j.state = seen.before
        WHERE w.told_id IS NULL OR seen.after NOT IN ('lost', 'expired')
        ORDER BY w.job_id
        FOR UPDATE OF w
    ), put_off AS (
        UPDATE work w SET
            due_at = now() + make_interval(secs => CASE WHEN w.told_id IS NULL THEN owned.look_in ELSE 0 END),
            attempts = owned.failures, is_leased = false,
            pull_from = now() + make_interval(secs => owned.pull_in)
        FROM owned WHERE w.kind = 'follow' AND w.job_id = owned.id AND owned.look_in IS NOT NULL
    ), closed AS (
        DELETE FROM work w USING owned
        WHERE w.kind = 'follow' AND w.job_id = owned.id AND owned.look_in IS NULL
    ), moved AS (
        UPDATE jobs j SET
            state = owned.after,
            upstream_id = COALESCE(owned.upstream_id, j.upstream_id),
            queue_position = owned.position,
            logs = COALESCE(owned.logs, j.logs),
            metrics = COALESCE(owned.metrics, j.metrics),
            error = COALESCE(owned.error, j.error),
            error_type = COALESCE(owned.error_type, j.error_type),
            cancel_answer = COALESCE(owned.cancel_answer, j.cancel_answer),
            submitted_at = CASE WHEN owned.upstream_id IS NULL THEN j.submitted_at ELSE now() END,
            started_at = CASE WHEN owned.after IN ('running', 'fetching')
                              THEN COALESCE(j.started_at, now()) ELSE j.started_at END,
            completed_at = CASE WHEN owned.look_in IS NULL THEN now() END,
            cost_micros = CASE WHEN owned.settled_by IS NULL THEN j.cost_micros
                               ELSE owned.spent + COALESCE(j.cost_micros, 0) END,
            saved_micros = owned.saved,
            images = owned.made,
            expects_webhook = j.expects_webhook OR owned.expects_webhook
        FROM owned WHERE j.id = owned.id AND owned.is_change
    ), events AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT id, now(), before, after, note FROM owned WHERE before <> after
    ), results AS (
        INSERT INTO job_results (job_id, status_code, headers, body)
        SELECT id, code, headers, body FROM owned WHERE code IS NOT NULL
    )
"""

# What a job reserved is given back to the window it was taken from; a window that is over is left as it was.
# Whoever waits for the answer of a job that ended looks at it now. Those jobs are asked for first, and nearly
# always there are none: put together as one join, all work that is not due yet was read for every end. The
# LIMIT, which no number of jobs reaches, keeps the planner from turning the question round.
_SETTLED = """
    , settled AS (
        SELECT *, images_asked IS NOT NULL AND source_job_id IS NULL AS is_counted
        FROM owned WHERE settled_by IS NOT NULL
    ), held AS (
        SELECT scope_id, window_start FROM allowances
        WHERE scope_id IN (
            SELECT team_id FROM settled
            UNION SELECT key_id FROM settled WHERE is_counted
            UNION SELECT token_id FROM settled WHERE is_counted
        )
        ORDER BY scope_id FOR UPDATE
    ), counted AS (
        UPDATE allowances AS a SET
            reserved_micros = a.reserved_micros - s.reserved,
            spent_micros = a.spent_micros + s.spent,
            images = a.images - s.unmade,
            in_flight = a.in_flight - s.jobs
        FROM (
            SELECT h.scope_id, count(*)::int AS jobs,
                COALESCE(sum(t.reserved_micros) FILTER (WHERE is_present), 0)::bigint AS reserved,
                COALESCE(sum(t.spent) FILTER (WHERE is_present), 0)::bigint AS spent,
                COALESCE(sum(t.images_asked - t.made) FILTER (WHERE is_present), 0)::int AS unmade
            FROM settled t
            CROSS JOIN LATERAL (VALUES (team_id), (key_id), (token_id)) AS scopes (scope_id)
            JOIN held h USING (scope_id)
            CROSS JOIN LATERAL (SELECT t.created_at >= h.window_start AS is_present) AS windows
            WHERE t.is_counted
            GROUP BY h.scope_id
        ) AS s
        WHERE a.scope_id = s.scope_id
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note)
        SELECT t.team_id, t.id, t.settled_by,
            CASE WHEN t.source_job_id IS NULL THEN -t.reserved_micros ELSE 0 END,
            t.spent, now(), t.note
        FROM settled t JOIN held ON held.scope_id = t.team_id
    ), woken AS (
        UPDATE work w SET due_at = now()
        WHERE w.kind = 'follow' AND w.due_at > now() AND NOT w.is_leased AND w.job_id = ANY(ARRAY(
            SELECT joined.id FROM settled t CROSS JOIN LATERAL (
                SELECT j.id FROM jobs j WHERE j.source_job_id = t.id AND j.completed_at IS NULL
                LIMIT 1000000
            ) AS joined
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
        SELECT 'archive', s.id, now(), 0, 0, false FROM settled s JOIN teams t ON t.id = s.team_id
        WHERE s.after = 'succeeded' AND s.source_job_id IS NULL AND t.keeps_images
        RETURNING job_id
    )
"""
_OWNED_AND_KEPT = """
    SELECT owned.id, keeping.job_id IS NOT NULL AS is_archived
    FROM owned LEFT JOIN keeping ON keeping.job_id = owned.id
"""

MOVE = f"{_SEEN} {_OWNED}"
END = f"{_SEEN} {_SETTLED} {owed_by('settled')} {_KEEPING} {_OWNED_AND_KEPT}"
