"""The SQL of jobs. Every write is one statement, so it is one transaction and one round trip.

Rows of many jobs travel as one array per column and are laid side by side by `unnest`.
"""

RECORD = """
    WITH asked AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[]
        ) AS asked (id, team_id, key_id, model, prompt, input, headers)
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, created_at)
        SELECT id, team_id, key_id, model, 'submitting', now() FROM asked
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    ), inputs AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, prompt, input, headers FROM asked JOIN recorded USING (id)
    ), events AS (
        INSERT INTO job_events (job_id, at, to_state) SELECT id, now(), 'submitting' FROM recorded
    )
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'follow', id, now() + make_interval(secs => $8), 0, $9::int, true FROM recorded
"""

# The work row decides who may write: a row whose epoch has moved on is somebody else's by now.
MOVE = """
    WITH seen AS (
        SELECT * FROM unnest(
            $1::uuid[], $2::int[], $3::text[], $4::text[], $5::float8[], $6::float8[], $7::int[],
            $8::text[], $9::int[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
            $15::text[], $16::int[], $17::text[], $18::bytea[], $19::bool[]
        ) AS seen (id, epoch, before, after, look_in, pull_in, failures, upstream_id, position, logs, metrics,
                   error, error_type, cancel_answer, note, code, headers, body, is_change)
    ), owned AS (
        SELECT w.job_id, seen.* FROM seen
        JOIN work w ON w.kind = 'follow' AND w.job_id = seen.id AND w.epoch = seen.epoch
        JOIN jobs j ON j.id = seen.id AND j.state = seen.before
        ORDER BY w.job_id
        FOR UPDATE OF w
    ), put_off AS (
        UPDATE work w SET due_at = now() + make_interval(secs => owned.look_in), attempts = owned.failures,
            is_leased = false, pull_from = now() + make_interval(secs => owned.pull_in)
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
            completed_at = CASE WHEN owned.look_in IS NULL THEN now() END
        FROM owned WHERE j.id = owned.id AND owned.is_change
    ), events AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT id, now(), before, after, note FROM owned WHERE before <> after
    ), results AS (
        INSERT INTO job_results (job_id, status_code, headers, body)
        SELECT id, code, headers, body FROM owned WHERE code IS NOT NULL
    )
    SELECT id FROM owned
"""

_CLAIMED = """
    , claimed AS (
        UPDATE work w SET due_at = now() + make_interval(secs => $1), epoch = w.epoch + 1,
            is_leased = true, claimed_at = now(), pull_from = NULL
        FROM due WHERE w.kind = due.kind AND w.job_id = due.job_id
        RETURNING w.job_id, w.epoch, w.attempts, due.due_at, due.claimed_at
    )
    SELECT c.job_id, c.epoch, c.attempts AS failed_looks, j.team_id, j.key_id, j.model AS model_id, j.state,
        j.upstream_id, j.queue_position,
        extract(epoch FROM now() - j.created_at)::float8 AS created_seconds,
        extract(epoch FROM now() - COALESCE(j.submitted_at, j.created_at))::float8
            AS submitted_seconds,
        extract(epoch FROM now() - j.started_at)::float8 AS running_seconds,
        extract(epoch FROM now() - c.claimed_at)::float8 AS looked_seconds,
        j.cancel_requested_at IS NOT NULL AND j.cancel_answer IS NULL AS must_ask_to_cancel,
        GREATEST(extract(epoch FROM now() - c.due_at)::float8, 0) AS lag_seconds
    FROM claimed c JOIN jobs j ON j.id = c.job_id
"""

CLAIM_DUE = f"""
    WITH due AS (
        SELECT kind, job_id, due_at, claimed_at FROM work
        WHERE kind = 'follow' AND due_at <= now()
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ) {_CLAIMED}
"""  # noqa: S608 # both parts are constants

# Both rows are locked, so that a state which changes while this waits is seen as it is then.
CLAIM_ONE = f"""
    WITH due AS (
        SELECT w.kind, w.job_id, w.due_at, w.claimed_at FROM work w JOIN jobs j ON j.id = w.job_id
        WHERE w.kind = 'follow' AND w.job_id = $2 AND j.state = ANY($3::text[])
        FOR UPDATE
    ) {_CLAIMED}
"""  # noqa: S608 # both parts are constants

VIEWS = """
    SELECT j.id, j.team_id, j.key_id, j.model AS model_id, j.state, j.queue_position, j.logs, j.metrics,
        j.error, j.error_type, r.status_code, r.headers, r.body,
        CASE WHEN NOT w.is_leased THEN extract(epoch FROM w.due_at - now())::float8 END AS look_in,
        extract(epoch FROM w.pull_from - now())::float8 AS pull_in
    FROM jobs j
    LEFT JOIN job_results r ON r.job_id = j.id
    LEFT JOIN work w ON w.kind = 'follow' AND w.job_id = j.id
    WHERE j.id = ANY($1::uuid[])
"""

# At most one look a second, whoever asks on whichever machine.
PULL_NEARER = """
    UPDATE work SET due_at = GREATEST(now(), claimed_at + interval '1 second')
    WHERE kind = 'follow' AND job_id = $1 AND NOT is_leased AND pull_from <= now()
        AND due_at > now() + interval '1 second'
    RETURNING extract(epoch FROM due_at - now())::float8 AS look_in
"""

REQUEST_CANCEL = """
    UPDATE jobs SET cancel_requested_at = COALESCE(cancel_requested_at, now())
    WHERE id = $1 AND state IN ('submitting', 'unknown', 'queued', 'running', 'fetching')
    RETURNING upstream_id
"""

INPUT_OF = "SELECT input, upstream_headers FROM job_inputs WHERE job_id = $1"

DESCRIPTION = """
    SELECT j.id, j.team_id, j.state, j.model, t.name AS team, k.name AS key, i.prompt, i.input,
        j.created_at, j.submitted_at, j.started_at, j.completed_at, j.error, j.error_type, r.body
    FROM jobs j
    JOIN job_inputs i ON i.job_id = j.id
    JOIN teams t ON t.id = j.team_id
    JOIN api_keys k ON k.id = j.key_id
    LEFT JOIN job_results r ON r.job_id = j.id
    WHERE j.id = $1
"""

EVENTS = """
    SELECT at, from_state AS before, to_state AS after, note FROM job_events WHERE job_id = $1 ORDER BY id
"""

COUNT_ACCEPTED = "SELECT count(*) AS number FROM jobs WHERE state = 'accepted'"

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
