"""The SQL of the vault; the statement that ends jobs owes their archiving.

The rows of `images` are written by whoever owns the job's row in `work`, by epoch, as moves are.
"""

from app.callers.grace_statements import is_shown

CLAIM_DUE = """
    WITH due AS (
        SELECT kind, job_id, due_at FROM work
        WHERE kind = 'archive' AND due_at <= now()
        ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    UPDATE work w SET due_at = now() + make_interval(secs => $1), epoch = w.epoch + 1, is_leased = true,
        claimed_at = now()
    FROM due WHERE w.kind = due.kind AND w.job_id = due.job_id
    RETURNING w.job_id, w.epoch, w.attempts AS failed_tries,
        GREATEST(extract(epoch FROM now() - due.due_at)::float8, 0) AS lag_seconds
"""

ANSWER = """
    SELECT j.team_id, r.body,
        ARRAY(SELECT place FROM images WHERE job_id = j.id AND state <> 'pending') AS settled
    FROM jobs j LEFT JOIN job_results r ON r.job_id = j.id
    WHERE j.id = $1
"""

SHOWN_ANSWER = f"""
    SELECT r.body FROM jobs j JOIN teams t ON t.id = j.team_id JOIN job_results r ON r.job_id = j.id
    WHERE j.id = $1 AND {is_shown("j", "t", "$2")}
"""  # noqa: S608 # constants and a placeholder

# What is in the store already is found by its digest; the touch keeps it there until it is referred to.
REGISTER = """
    INSERT INTO vault_objects AS o
        (sha256, media_type, width, height, size_bytes, has_thumbnail, touched_at)
    VALUES ($1, $2, $3, $4, $5, $6, now())
    ON CONFLICT (sha256) WHERE NOT is_leaving DO UPDATE SET touched_at = now()
    RETURNING id
"""

# Writing the object's row is what makes this safe: whoever is about to let it leave, as one that nobody
# refers to, locks the row and looks at it again.
KEEP = """
    WITH owned AS (
        SELECT job_id FROM work WHERE kind = 'archive' AND job_id = $1 AND epoch = $2 FOR UPDATE
    ), touched AS (
        UPDATE vault_objects o SET is_doubted = false FROM owned
        WHERE o.id = $5 AND NOT o.is_leaving
        RETURNING o.id
    )
    INSERT INTO images AS i (job_id, place, team_id, state, object_id, created_at)
    SELECT owned.job_id, $3::smallint, $4::uuid, 'kept', touched.id, now() FROM owned CROSS JOIN touched
    ON CONFLICT (job_id, place) DO UPDATE SET state = 'kept', object_id = excluded.object_id, error = NULL
        WHERE i.state IN ('pending', 'failed')
    RETURNING job_id
"""

# The end of a try: what could not be kept, and when the rest is tried again; NULL closes the matter.
SETTLE = """
    WITH owned AS (
        SELECT job_id FROM work WHERE kind = 'archive' AND job_id = $1 AND epoch = $2 FOR UPDATE
    ), put_off AS (
        UPDATE work w SET due_at = now() + make_interval(secs => $3), attempts = $8::int,
            is_leased = false
        FROM owned WHERE w.kind = 'archive' AND w.job_id = owned.job_id AND $3::float8 IS NOT NULL
    ), closed AS (
        DELETE FROM work w USING owned
        WHERE w.kind = 'archive' AND w.job_id = owned.job_id AND $3::float8 IS NULL
    ), told AS (
        INSERT INTO images AS i (job_id, place, team_id, state, error, created_at)
        SELECT owned.job_id, missing.place, $4::uuid, missing.state, missing.error, now()
        FROM owned CROSS JOIN unnest($5::smallint[], $6::text[], $7::text[]) AS missing (place, state, error)
        ON CONFLICT (job_id, place) DO UPDATE SET state = excluded.state, error = excluded.error
            WHERE i.state IN ('pending', 'failed')
    ), given_up AS (
        UPDATE images i SET state = 'failed'
        FROM owned
        WHERE i.job_id = owned.job_id AND i.state = 'pending' AND i.place <> ALL($5) AND $3::float8 IS NULL
    )
    SELECT job_id FROM owned
"""

_SHOWN = """
    i.job_id, i.place, i.state, i.error, i.created_at, o.id AS object_id, o.sha256, o.media_type, o.width,
    o.height, o.size_bytes, o.has_thumbnail
"""

OF_JOBS = f"""
    SELECT {_SHOWN} FROM images i LEFT JOIN vault_objects o ON o.id = i.object_id
    WHERE i.job_id = ANY($1::uuid[]) ORDER BY i.job_id, i.place
"""  # noqa: S608 # the part is a constant

ONE = f"""
    SELECT {_SHOWN} FROM images i LEFT JOIN vault_objects o ON o.id = i.object_id
    WHERE i.job_id = $1 AND i.place = $2
"""  # noqa: S608 # the part is a constant

# Jobs of one team alone: what others keep of the same content is not even looked at.
BY_DIGEST = f"""
    SELECT DISTINCT ON (i.job_id) {_SHOWN}
    FROM vault_objects o JOIN images i ON i.object_id = o.id AND i.team_id = $2
    WHERE o.sha256 = $1 AND NOT o.is_leaving
        AND i.job_id < COALESCE($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    ORDER BY i.job_id DESC, i.place LIMIT $4
"""  # noqa: S608 # the part is a constant

IS_OWED = "SELECT EXISTS (SELECT FROM work WHERE kind = 'archive' AND job_id = $1) AS is_owed"

# Whoever takes a reference away doubts the object; the rows are locked in the order of their ids, always.
_DOUBT = """
    , held AS (
        SELECT id FROM vault_objects WHERE id IN (SELECT object_id FROM parted) ORDER BY id FOR UPDATE
    ), doubted AS (
        UPDATE vault_objects o SET is_doubted = true FROM held WHERE o.id = held.id
    )
"""

# Of each team with an end to its patience the oldest; the rows stay and say that there was a picture.
PURGE = f"""
    WITH bounded AS (
        SELECT id, now() - make_interval(days => COALESCE(image_days, $2::int)) AS since FROM teams
        WHERE COALESCE(image_days, $2::int) IS NOT NULL
    ), parted AS (
        SELECT oldest.* FROM bounded CROSS JOIN LATERAL (
            SELECT job_id, place, object_id FROM images
            WHERE team_id = bounded.id AND state = 'kept' AND created_at < bounded.since
            ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED
        ) AS oldest
        LIMIT $1
    ), gone AS (
        UPDATE images i SET state = 'purged', object_id = NULL
        FROM parted WHERE i.job_id = parted.job_id AND i.place = parted.place RETURNING 1
    ) {_DOUBT}
    SELECT count(*) AS number FROM gone
"""  # noqa: S608 # the part is a constant

FORGET = f"""
    WITH parted AS (DELETE FROM images WHERE job_id = ANY($1::uuid[]) RETURNING object_id) {_DOUBT}
    SELECT count(*) AS number FROM parted
"""  # noqa: S608 # the part is a constant

# Objects that nobody refers to begin to leave, and those that began before go on. One that was touched lately
# may be about to be referred to.
LEAVE = """
    WITH doubted AS (
        SELECT o.id, EXISTS (SELECT FROM images i WHERE i.object_id = o.id) AS is_needed
        FROM vault_objects o
        WHERE o.is_doubted AND (o.is_leaving OR o.touched_at < now() - make_interval(secs => $2))
        ORDER BY o.touched_at LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE vault_objects o SET is_leaving = NOT doubted.is_needed, is_doubted = NOT doubted.is_needed
    FROM doubted WHERE o.id = doubted.id
    RETURNING o.id, o.sha256, o.is_leaving
"""

REMOVE = "DELETE FROM vault_objects WHERE id = ANY($1::bigint[]) AND is_leaving"
