"""The SQL of single jobs; `record_statements.py` and `move_statements.py` write many at once.

Every write is one statement, so it is one transaction and one round trip.
"""

_CLAIMED = """
    , claimed AS (
        UPDATE work w SET due_at = now() + make_interval(secs => $1), epoch = w.epoch + 1,
            is_leased = true, claimed_at = now(), pull_from = NULL, told_id = NULL
        FROM due WHERE w.kind = due.kind AND w.job_id = due.job_id
        RETURNING w.job_id, w.epoch, w.attempts, due.due_at, due.claimed_at, due.told_id
    )
    SELECT c.job_id, c.epoch, c.attempts AS failed_looks, j.team_id, j.key_id, j.token_id,
        j.model AS model_id, j.cache, j.state,
        j.upstream_id, j.queue_position, j.source_job_id,
        j.expects_webhook, COALESCE(c.told_id, j.told_id) AS told_id,
        extract(epoch FROM j.told_at - j.submitted_at)::float8 AS told_seconds,
        j.price_basis, j.price_micros, j.reserved_micros, COALESCE(j.images_asked, 0) AS images_asked,
        extract(epoch FROM now() - j.created_at)::float8 AS created_seconds,
        extract(epoch FROM now() - COALESCE(j.submitted_at, j.created_at))::float8
            AS submitted_seconds,
        extract(epoch FROM now() - j.started_at)::float8 AS running_seconds,
        extract(epoch FROM now() - c.claimed_at)::float8 AS looked_seconds,
        j.cancel_requested_at IS NOT NULL AND j.cancel_answer IS NULL AS must_ask_to_cancel,
        extract(epoch FROM now() - j.cancel_requested_at)::float8 AS cancelled_seconds,
        j.webhook_url IS NOT NULL AS has_webhook,
        GREATEST(extract(epoch FROM now() - c.due_at)::float8, 0) AS lag_seconds
    FROM claimed c JOIN jobs j ON j.id = c.job_id
"""

CLAIM_DUE = f"""
    WITH due AS (
        SELECT kind, job_id, due_at, claimed_at, told_id FROM work
        WHERE kind = 'follow'
            AND due_at BETWEEN now() - make_interval(secs => $3) AND now() - make_interval(secs => $4)
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ) {_CLAIMED}
"""  # noqa: S608 # both parts are constants

# Both rows are locked, so that a state which changes while this waits is seen as it is then.
CLAIM_ONE = f"""
    WITH due AS (
        SELECT w.kind, w.job_id, w.due_at, w.claimed_at, w.told_id FROM work w JOIN jobs j ON j.id = w.job_id
        WHERE w.kind = 'follow' AND w.job_id = $2 AND j.state = ANY($3::text[])
        FOR UPDATE
    ) {_CLAIMED}
"""  # noqa: S608 # both parts are constants

VIEWS = """
    SELECT j.id, j.team_id, j.key_id, j.token_id, j.model AS model_id, j.state, j.queue_position, j.logs,
        j.metrics, j.error, j.error_type, j.cache, j.source_job_id, r.status_code, r.headers, r.body,
        CASE WHEN NOT w.is_leased THEN extract(epoch FROM w.due_at - now())::float8 END AS look_in,
        extract(epoch FROM w.pull_from - now())::float8 AS pull_in,
        extract(epoch FROM now() - j.completed_at)::float8 AS ended_seconds,
        j.purged_at IS NOT NULL AS is_purged
    FROM jobs j
    LEFT JOIN job_results r
        ON r.job_id = COALESCE(j.source_job_id, j.id) AND j.state IN ('succeeded', 'failed')
    LEFT JOIN work w ON w.kind = 'follow' AND w.job_id = j.id
    WHERE j.id = ANY($1::uuid[])
"""

# At most one look a second, whoever asks on whichever machine.
PULL_NEARER = """
    UPDATE work SET due_at = GREATEST(now(), claimed_at + interval '1 second')
    WHERE kind = 'follow' AND job_id = ANY($1::uuid[]) AND NOT is_leased AND pull_from <= now()
        AND due_at > now() + interval '1 second'
    RETURNING job_id, extract(epoch FROM due_at - now())::float8 AS look_in
"""

# Of all jobs that callers of one process wait for: what is compared with how each was seen last.
STANDINGS = """
    SELECT id, state, queue_position, COALESCE(octet_length(logs), 0) AS logs_bytes
    FROM jobs WHERE id = ANY($1::uuid[])
"""

# The work row is locked first, as in every move. The first news of a job counts, unless it named another id
# than the upstream then gave; an id that belongs to another job is none.
HEAR = """
    WITH owed AS (
        SELECT job_id FROM work WHERE kind = 'follow' AND job_id = $1 FOR UPDATE
    ), elsewhere AS (
        SELECT id FROM jobs WHERE upstream_id = $2 AND id <> $1
    ), heard AS (
        UPDATE jobs j SET told_at = now(), told_id = $2
        FROM (SELECT count(*) AS rows FROM owed) AS locked
        WHERE j.id = $1 AND locked.rows >= 0 AND j.told_id IS DISTINCT FROM $2
            AND CASE WHEN j.upstream_id IS NULL THEN j.told_id IS NULL ELSE j.upstream_id = $2 END
            AND NOT EXISTS (SELECT FROM elsewhere)
        RETURNING j.id, j.state, j.upstream_id
    ), roused AS (
        UPDATE work w SET told_id = $2, due_at = CASE WHEN w.is_leased THEN w.due_at ELSE now() END
        FROM heard WHERE w.kind = 'follow' AND w.job_id = heard.id
        RETURNING w.job_id, NOT w.is_leased AS is_due
    )
    SELECT COALESCE(heard.state, j.state) AS state, COALESCE(heard.upstream_id, j.upstream_id) AS upstream_id,
        EXISTS (SELECT FROM elsewhere) OR COALESCE(j.upstream_id, j.told_id) <> $2 IS TRUE AS is_mismatch,
        heard.id IS NOT NULL AS is_news, COALESCE(roused.is_due, false) AS is_due
    FROM jobs j LEFT JOIN heard ON heard.id = j.id LEFT JOIN roused ON roused.job_id = j.id
    WHERE j.id = $1
"""

REQUEST_CANCEL = """
    UPDATE jobs SET cancel_requested_at = COALESCE(cancel_requested_at, now())
    WHERE id = $1 AND state IN ('submitting', 'unknown', 'queued', 'running', 'fetching')
    RETURNING upstream_id
"""

# Whether other jobs wait for this one's answer.
HAS_JOINED = """
    SELECT EXISTS (SELECT FROM jobs WHERE source_job_id = $1 AND completed_at IS NULL) AS has_joined
"""

SOURCE = """
    SELECT state, queue_position, error, error_type, cost_micros, images FROM jobs WHERE id = $1
"""

INPUT_OF = "SELECT input, upstream_headers FROM job_inputs WHERE job_id = $1"

TRACEPARENTS = """
    SELECT job_id, upstream_headers::json ->> 'traceparent' AS traceparent FROM job_inputs
    WHERE job_id = ANY($1::uuid[])
"""

EVENTS = """
    SELECT at, from_state AS before, to_state AS after, note FROM job_events WHERE job_id = $1 ORDER BY id
"""

COUNT_ACCEPTED = "SELECT count(*) AS number FROM jobs WHERE state = 'accepted'"

# By the index on rare states, whatever else is stored.
COUNT_HELD = """
    SELECT state, count(*) AS number FROM jobs WHERE state IN ('accepted', 'unknown') GROUP BY state
"""

COUNT_OPEN = """
    SELECT j.state, count(*) AS number FROM work w JOIN jobs j ON j.id = w.job_id
    WHERE w.kind = 'follow' GROUP BY j.state
"""

RECENT_RUNS = """
    SELECT model, extract(epoch FROM completed_at - submitted_at)::float8 AS seconds
    FROM (
        SELECT model, submitted_at, completed_at FROM jobs
        WHERE state = 'succeeded' ORDER BY id DESC LIMIT $1
    ) AS recent
    WHERE submitted_at IS NOT NULL
"""
