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

# The sums of the teams are locked in the order of their ids, whoever else puts files away.
UPLOADS = """
    WITH old AS (
        SELECT id, team_id FROM uploads WHERE expires_at < now()
        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
    ), held AS (
        SELECT team_id FROM upload_usage WHERE team_id IN (SELECT team_id FROM old)
        ORDER BY team_id FOR UPDATE
    ), gone AS (
        DELETE FROM uploads u USING old JOIN held USING (team_id)
        WHERE u.id = old.id RETURNING u.team_id, u.size_bytes
    ), counted AS (
        UPDATE upload_usage u SET stored_bytes = u.stored_bytes - s.size_bytes
        FROM (SELECT team_id, sum(size_bytes) AS size_bytes FROM gone GROUP BY team_id) AS s
        WHERE u.team_id = s.team_id
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
)
