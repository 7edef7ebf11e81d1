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

PURGES = (IDEMPOTENCY_KEYS, CACHED_ANSWERS, ALLOWANCES)
