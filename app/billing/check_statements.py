"""The SQL that compares counters and jobs with the ledger.

Each is one statement and sees one moment, in which counters, entries and jobs belong together: a gateway that
is at work makes no difference.
"""

# What each allowance should say: sums of the ledger over the jobs of its window, and the open jobs of all
# windows. Jobs that were answered by another one use nothing; what is not known counts as nothing. Windows
# begin with a day, so of jobs that are not stored any more there are sums of days.
COUNTERS = """
    WITH entries AS (
        SELECT job_id, COALESCE(sum(reserved_micros), 0) AS reserved, COALESCE(sum(spent_micros), 0) AS spent,
            bool_or(kind = 'reserve') AS is_reserved
        FROM ledger GROUP BY job_id
    ), used AS (
        SELECT j.team_id, j.key_id, j.token_id, j.created_at, COALESCE(e.reserved, 0) AS reserved,
            COALESCE(e.spent, 0) AS spent,
            COALESCE(CASE WHEN j.completed_at IS NULL THEN j.images_asked ELSE j.images END, 0) AS images,
            COALESCE(j.completed_at IS NULL AND e.is_reserved, false) AS is_open
        FROM jobs j LEFT JOIN entries e ON e.job_id = j.id WHERE j.source_job_id IS NULL
    ), scoped AS (
        SELECT team_id AS scope_id, created_at, reserved, spent, images, is_open FROM used
        UNION ALL SELECT key_id, created_at, reserved, spent, images, is_open FROM used
        UNION ALL SELECT token_id, created_at, reserved, spent, images, is_open FROM used
        WHERE token_id IS NOT NULL
    ), gone AS (
        SELECT a.scope_id, sum(u.cost_micros) AS spent, sum(u.images_made) AS images
        FROM usage_purged u
        CROSS JOIN LATERAL (VALUES (u.team_id), (u.key_id)) AS scopes (scope_id)
        JOIN allowances a USING (scope_id)
        WHERE u.day >= (a.window_start AT TIME ZONE 'UTC')::date
        GROUP BY a.scope_id
    ), counted AS (
        SELECT a.scope_id,
            COALESCE(sum(s.reserved) FILTER (WHERE s.created_at >= a.window_start), 0)::bigint
                AS reserved_micros,
            COALESCE(sum(s.spent) FILTER (WHERE s.created_at >= a.window_start), 0)::bigint
                + COALESCE(min(gone.spent), 0)::bigint AS spent_micros,
            COALESCE(sum(s.images) FILTER (WHERE s.created_at >= a.window_start), 0)::bigint
                + COALESCE(min(gone.images), 0)::bigint AS images,
            count(*) FILTER (WHERE s.is_open) AS in_flight
        FROM allowances a LEFT JOIN scoped s USING (scope_id) LEFT JOIN gone USING (scope_id)
        GROUP BY a.scope_id
    )
    SELECT a.scope, a.scope_id, COALESCE(t.name, k.name) AS name,
        a.reserved_micros, a.spent_micros, a.images, a.in_flight,
        c.reserved_micros AS reserved_micros_counted, c.spent_micros AS spent_micros_counted,
        c.images AS images_counted, c.in_flight AS in_flight_counted
    FROM allowances a
    JOIN counted c USING (scope_id)
    LEFT JOIN teams t ON a.scope = 'team' AND t.id = a.scope_id
    LEFT JOIN api_keys k ON a.scope = 'key' AND k.id = a.scope_id
    WHERE (a.reserved_micros, a.spent_micros, a.images, a.in_flight)
        IS DISTINCT FROM (c.reserved_micros, c.spent_micros, c.images, c.in_flight)
    ORDER BY a.scope, a.scope_id
"""

# A job that was recorded before there was a ledger has no entries, and none are missing.
JOBS = """
    WITH entries AS (
        SELECT job_id, bool_or(kind = 'reserve') AS is_reserved,
            bool_or(kind IN ('charge', 'release')) AS is_closed,
            bool_or(kind = 'release') AS is_released,
            sum(reserved_micros) AS reserved,
            sum(spent_micros) FILTER (WHERE kind <> 'reserve') AS spent
        FROM ledger GROUP BY job_id
    ), judged AS (
        SELECT j.id, j.state, j.cost_micros,
            CASE WHEN e.is_released THEN COALESCE(e.spent, 0) ELSE e.spent END AS spent_micros,
            CASE
                WHEN e.is_reserved IS NOT TRUE THEN 'has no reserve entry'
                WHEN j.completed_at IS NULL AND e.is_closed THEN 'has not ended, but is settled'
                WHEN j.completed_at IS NOT NULL AND NOT e.is_closed THEN 'has ended, but is not settled'
                WHEN j.completed_at IS NOT NULL AND e.reserved <> 0 THEN 'has ended, but holds a reservation'
            END AS fault
        FROM jobs j LEFT JOIN entries e ON e.job_id = j.id WHERE j.images_asked IS NOT NULL
    )
    SELECT id, state, cost_micros, spent_micros, fault FROM judged
    WHERE fault IS NOT NULL OR cost_micros IS DISTINCT FROM spent_micros
    ORDER BY id LIMIT $1
"""

# Where jobs are purged the entries of those are alone; what they are together is in `PURGED`.
ENTRIES_WITHOUT_JOB = """
    SELECT l.team_id, l.id, l.job_id, l.kind FROM ledger l
    LEFT JOIN jobs j ON j.id = l.job_id AND j.team_id = l.team_id
    LEFT JOIN retention_marks m ON m.team_id = l.team_id AND l.job_id <= m.jobs_until
    WHERE j.id IS NULL AND m.team_id IS NULL ORDER BY l.team_id, l.id LIMIT $1
"""

# As many jobs as were purged have left their entries, which cost together what was noted when they went.
PURGED = """
    WITH alone AS (
        SELECT l.team_id, l.job_id, sum(l.reserved_micros) AS reserved, sum(l.spent_micros) AS spent,
            bool_or(l.kind IN ('charge', 'release')) AS is_closed
        FROM ledger l
        JOIN retention_marks m ON m.team_id = l.team_id AND l.job_id <= m.jobs_until
        LEFT JOIN jobs j ON j.id = l.job_id AND j.team_id = l.team_id
        WHERE j.id IS NULL GROUP BY l.team_id, l.job_id HAVING bool_or(l.kind = 'reserve')
    ), found AS (
        SELECT team_id, count(*) AS jobs, COALESCE(sum(spent), 0)::bigint AS cost_micros,
            count(*) FILTER (WHERE reserved <> 0 OR NOT is_closed) AS open
        FROM alone GROUP BY team_id
    ), noted AS (
        SELECT team_id, sum(jobs)::bigint AS jobs, sum(cost_micros)::bigint AS cost_micros
        FROM usage_purged GROUP BY team_id
    )
    SELECT COALESCE(t.name, team_id::text) AS team, COALESCE(found.jobs, 0) AS jobs,
        COALESCE(found.cost_micros, 0) AS cost_micros, COALESCE(found.open, 0) AS open,
        COALESCE(noted.jobs, 0) AS jobs_noted, COALESCE(noted.cost_micros, 0) AS cost_micros_noted
    FROM found FULL JOIN noted USING (team_id) LEFT JOIN teams t ON t.id = team_id
    WHERE (found.jobs, found.cost_micros) IS DISTINCT FROM (noted.jobs, noted.cost_micros)
        OR found.open > 0
    ORDER BY team_id
"""
