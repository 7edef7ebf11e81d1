"""The SQL of webhooks; the statements that end jobs owe them."""

# The receiver of a webhook: host and port, as its address names them, which is stored in one form.
LANE = "substring(url FROM '://([^/]+)')"

# Receivers are gone through one by one, along the index, and each gives its oldest as far as it may have more
# under way here. However many wait for a slow one, they are neither read nor claimed. What is found so is
# dealt out team by team: receivers cost nothing, and who names thousands waits behind nobody but themselves.
# In that order large bodies are taken as long as those before them have left room; small ones pass by them.
# The length of a body that is stored out of line is known without reading it.
CLAIM_DUE = """
    WITH RECURSIVE lanes AS (
        (SELECT lane FROM work WHERE kind = 'deliver' ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT w.lane FROM work w WHERE w.kind = 'deliver' AND w.lane > lanes.lane
                ORDER BY w.lane LIMIT 1)
        FROM lanes WHERE lanes.lane IS NOT NULL
    ), busy AS (
        SELECT * FROM unnest($3::text[], $4::int[]) AS busy (lane, number)
    ), held AS (
        SELECT * FROM unnest($6::uuid[], $7::int[]) AS held (team_id, number)
    ), fair AS (
        SELECT oldest.job_id, oldest.due_at, COALESCE(held.number, 0)
            + row_number() OVER (PARTITION BY d.team_id ORDER BY oldest.due_at) AS turn
        FROM lanes LEFT JOIN busy ON busy.lane = lanes.lane
        CROSS JOIN LATERAL (
            SELECT w.job_id, w.due_at FROM work w
            WHERE w.kind = 'deliver' AND w.lane = lanes.lane AND w.due_at <= now()
            ORDER BY w.due_at LIMIT GREATEST($5::int - COALESCE(busy.number, 0), 0)
        ) AS oldest
        JOIN deliveries d ON d.job_id = oldest.job_id LEFT JOIN held ON held.team_id = d.team_id
    ), sized AS MATERIALIZED (
        SELECT fair.*, COALESCE((
            SELECT octet_length(r.body) FROM jobs j
            JOIN job_results r ON r.job_id = COALESCE(j.source_job_id, j.id)
            WHERE j.id = fair.job_id AND octet_length(r.body) > $8
        ), 0) AS large_bytes
        FROM fair
    ), fitting AS (
        SELECT sized.*, sum(large_bytes) OVER (ORDER BY turn, due_at, job_id) - large_bytes AS before_bytes
        FROM sized
    ), due AS (
        SELECT w.kind, w.job_id, w.due_at, fitting.large_bytes
        FROM fitting JOIN work w ON w.kind = 'deliver' AND w.job_id = fitting.job_id
        WHERE w.due_at <= now() AND (fitting.large_bytes = 0 OR fitting.before_bytes < $9)
        ORDER BY fitting.turn, w.due_at LIMIT $2 FOR UPDATE OF w SKIP LOCKED
    ), claimed AS (
        UPDATE work w SET due_at = now() + make_interval(secs => $1), epoch = w.epoch + 1,
            is_leased = true, claimed_at = now()
        FROM due WHERE w.kind = due.kind AND w.job_id = due.job_id
        RETURNING w.job_id, w.epoch, w.attempts, w.lane, due.due_at, due.large_bytes
    )
    SELECT c.job_id, c.epoch, c.attempts AS failed_tries, d.team_id, d.url, c.lane AS host, c.large_bytes,
        GREATEST(extract(epoch FROM now() - c.due_at)::float8, 0) AS lag_seconds
    FROM claimed c JOIN deliveries d ON d.job_id = c.job_id
"""

# A job that was answered by another one has that one's result. The time is the database's: receivers refuse
# what is signed at a time far from theirs, and a gateway's own clock may be wrong.
LETTER = """
    SELECT j.id AS job_id, j.error, j.error_type, r.status_code, r.body,
        COALESCE(j.source_job_id, j.id) AS made_by, COALESCE(t.rewrites_urls, false) AS rewrites_urls,
        extract(epoch FROM now())::bigint AS signed_at
    FROM jobs j LEFT JOIN teams t ON t.id = j.team_id
    LEFT JOIN job_results r
        ON r.job_id = COALESCE(j.source_job_id, j.id) AND j.state IN ('succeeded', 'failed')
    WHERE j.id = $1
"""

WRITE = """
    WITH owned AS (
        SELECT job_id FROM work WHERE kind = 'deliver' AND job_id = $1 AND epoch = $2 FOR UPDATE
    ), put_off AS (
        UPDATE work w SET due_at = now() + make_interval(secs => $3), attempts = w.attempts + 1,
            is_leased = false
        FROM owned WHERE w.kind = 'deliver' AND w.job_id = owned.job_id AND $3::float8 IS NOT NULL
    ), closed AS (
        DELETE FROM work w USING owned
        WHERE w.kind = 'deliver' AND w.job_id = owned.job_id AND $3::float8 IS NULL
    ), told AS (
        UPDATE deliveries d SET state = $4, attempts = d.attempts + 1, last_status = $5, last_error = $6,
            delivered_at = CASE WHEN $4 = 'delivered' THEN now() ELSE d.delivered_at END
        FROM owned WHERE d.job_id = owned.job_id
    ), noted AS (
        INSERT INTO delivery_attempts (job_id, at, status_code, error, milliseconds)
        SELECT job_id, now() - make_interval(secs => $7::int / 1000.0), $5, $6, $7 FROM owned
    )
    SELECT job_id FROM owned
"""

# Held until the commit: whoever purges a job, or what became of its webhook, passes over it meanwhile.
HOLD_JOB = """
    SELECT purged_at IS NOT NULL OR COALESCE(completed_at < now() - make_interval(secs => $3::float8), false)
        AS is_past
    FROM jobs WHERE id = $1 AND team_id = $2 FOR SHARE
"""

# Due at once, whatever came of it before; one that is under way is left to whoever has it. The epoch begins
# anywhere, so that a process which stalled in an earlier try does not write about this one.
OWE_AGAIN = f"""
    INSERT INTO work AS w (kind, job_id, due_at, attempts, epoch, is_leased, lane)
    SELECT 'deliver', job_id, now(), 0, floor(random() * 1000000000)::int, false, {LANE}
    FROM deliveries WHERE job_id = $1 AND team_id = $2
    ON CONFLICT (kind, job_id) DO UPDATE SET due_at = now(), attempts = 0 WHERE NOT w.is_leased
"""  # noqa: S608 # the part is a constant
MARK_PENDING = "UPDATE deliveries SET state = 'pending' WHERE job_id = $1 AND team_id = $2"

_SHOWN = """
    SELECT d.job_id, d.url, d.state, d.attempts, d.created_at, d.delivered_at, d.last_status, d.last_error,
        CASE WHEN NOT w.is_leased THEN w.due_at END AS next_attempt_at
    FROM deliveries d LEFT JOIN work w ON w.kind = 'deliver' AND w.job_id = d.job_id
"""

ONE = f"{_SHOWN} WHERE d.job_id = $1 AND d.team_id = $2"

ATTEMPTS = """
    SELECT at, status_code, error, milliseconds FROM delivery_attempts WHERE job_id = $1 ORDER BY id
"""


def page(state: str | None) -> str:
    """The newest deliveries of a team, below an id; the state is one of ours, and written out.

    Plans are made once for each statement without its values, and without its state a partial index could
    not be used.
    """
    is_in_state = "" if state is None else f"AND d.state = '{state}'"
    return f"""
        {_SHOWN}
        WHERE d.team_id = $1 AND d.job_id < COALESCE($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
            {is_in_state}
        ORDER BY d.job_id DESC LIMIT $3
    """
