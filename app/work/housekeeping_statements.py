"""The SQL of putting away what nobody asks for any more.

A bounded number of rows at a time, and never a row that somebody else is working on.
"""

# Both kinds of rows are answered from for a day, however old the job is that they name.
IDEMPOTENCY_KEYS = """
    WITH old AS (
        SELECT team_id, key_digest FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
        ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM idempotency_keys k USING old
        WHERE k.team_id = old.team_id AND k.key_digest = old.key_digest RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""

CACHED_ANSWERS = """
    WITH old AS (
        SELECT team_id, request_digest FROM cached_answers WHERE created_at < now() - interval '24 hours'
        ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM cached_answers c USING old
        WHERE c.team_id = old.team_id AND c.request_digest = old.request_digest RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""

# A job that has not ended gives back what it reserved, so the row it gives it back to stays.
ALLOWANCES = """
    WITH old AS (
        SELECT scope_id FROM allowances WHERE purge_after < now() AND in_flight = 0
        ORDER BY purge_after LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM allowances a USING old WHERE a.scope_id = old.scope_id RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""

# The sums are locked in the order of their ids, as where files are stored, and before a file goes.
UPLOADS = """
    WITH old AS (
        SELECT id, team_id, token_id FROM uploads WHERE expires_at < now()
        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), held AS (
        SELECT scope_id FROM upload_usage
        WHERE scope_id IN (SELECT team_id FROM old UNION SELECT token_id FROM old)
        ORDER BY scope_id FOR UPDATE
    ), gone AS (
        DELETE FROM uploads u USING old WHERE u.id = old.id AND EXISTS (SELECT FROM held)
        RETURNING u.team_id, u.token_id, u.size_bytes
    ), counted AS (
        UPDATE upload_usage u SET stored_bytes = u.stored_bytes - s.size_bytes
        FROM (
            SELECT scope_id, sum(size_bytes) AS size_bytes
            FROM gone CROSS JOIN LATERAL (VALUES (team_id), (token_id)) AS scopes (scope_id)
            GROUP BY scope_id
        ) AS s
        WHERE u.scope_id = s.scope_id
    )
    SELECT count(*) AS number FROM gone
"""

# Browser tokens are many, and most upload once.
UPLOAD_SUMS = """
    WITH old AS (
        SELECT scope_id FROM upload_usage WHERE stored_bytes = 0
        ORDER BY scope_id LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM upload_usage u USING old WHERE u.scope_id = old.scope_id RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""

SESSIONS = """
    WITH old AS (
        SELECT digest FROM sessions WHERE expires_at < now()
        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM sessions s USING old WHERE s.digest = old.digest RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""

ROWS_AT_ONCE = 1000
# They are up to 25 MB each, in pieces of 2 kB.
FILES_AT_ONCE = 10

# Each with how many rows one step takes.
PURGES = (
    (IDEMPOTENCY_KEYS, ROWS_AT_ONCE),
    (CACHED_ANSWERS, ROWS_AT_ONCE),
    (ALLOWANCES, ROWS_AT_ONCE),
    (UPLOADS, FILES_AT_ONCE),
    (UPLOAD_SUMS, ROWS_AT_ONCE),
    (SESSIONS, ROWS_AT_ONCE),
)
