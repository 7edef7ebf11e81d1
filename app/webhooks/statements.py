"""The SQL of webhooks; the statements that end jobs owe them."""

# The receiver as its address names it, which is stored in one form.
_HOST = "substring(d.url FROM '://([^/]+)')"

# How far those who are due are looked through for receivers that are free; beyond, others wait for them.
LOOKED_THROUGH = 10_000

# A receiver that has as many under way here as it may is passed over; its webhooks stay due, unclaimed.
CLAIM_DUE = f"""
    WITH busy AS (
        SELECT * FROM unnest($3::text[], $4::int[]) AS busy (host, number)
    ), waiting AS (
        SELECT job_id, due_at FROM work WHERE kind = 'deliver' AND due_at <= now()
        ORDER BY due_at LIMIT {LOOKED_THROUGH}
    ), ranked AS (
        SELECT w.job_id, d.team_id, d.url, h.host,
            COALESCE(b.number, 0) + row_number() OVER (PARTITION BY h.host ORDER BY w.due_at) AS place
        FROM waiting w
        JOIN deliveries d ON d.job_id = w.job_id
        CROSS JOIN LATERAL (SELECT {_HOST} AS host) AS h
        LEFT JOIN busy b ON b.host = h.host
    ), due AS (
        SELECT w.kind, w.job_id, w.due_at, r.team_id, r.url, r.host
        FROM ranked r JOIN work w ON w.kind = 'deliver' AND w.job_id = r.job_id
        WHERE r.place <= $5 AND w.due_at <= now()
        ORDER BY w.due_at LIMIT $2 FOR UPDATE OF w SKIP LOCKED
    )
    UPDATE work w SET due_at = now() + make_interval(secs => $1), epoch = w.epoch + 1,
        is_leased = true, claimed_at = now()
    FROM due WHERE w.kind = due.kind AND w.job_id = due.job_id
    RETURNING w.job_id, w.epoch, w.attempts AS failed_tries, due.team_id, due.url, due.host,
        GREATEST(extract(epoch FROM now() - due.due_at)::float8, 0) AS lag_seconds
"""  # noqa: S608 # both parts are constants

# A job that was answered by another one has that one's result. The time is the database's: receivers refuse
# what is signed at a time far from theirs, and a gateway's own clock may be wrong.
LETTER = """
    SELECT j.id AS job_id, j.error, j.error_type, r.status_code, r.body,
        extract(epoch FROM now())::bigint AS signed_at
    FROM jobs j
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

# Due at once, whatever came of it before; one that is under way is left to whoever has it. The epoch begins
# anywhere, so that a process which stalled in an earlier try does not write about this one.
OWE_AGAIN = """
    INSERT INTO work AS w (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT 'deliver', job_id, now(), 0, floor(random() * 1000000000)::int, false
    FROM deliveries WHERE job_id = $1 AND team_id = $2
    ON CONFLICT (kind, job_id) DO UPDATE SET due_at = now(), attempts = 0 WHERE NOT w.is_leased
"""
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
