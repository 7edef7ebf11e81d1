"""The SQL that makes daily sums of the ledger, makes them anew, and compares them with the jobs.

Whoever writes a team's ledger holds the lock of the team's allowance until the commit, so its entries become
visible in the order of their numbers: those above a watermark are a piece without gaps, whenever one looks.
"""

from app.audit.usage_report import SUMS

# Teams are never deleted. In the order of their ids, so that two who do this cannot wait for each other.
BEGIN_TEAMS = """
    INSERT INTO usage_watermarks (team_id, ledger_id)
    SELECT t.id, 0 FROM teams t
    WHERE ($1::uuid IS NULL OR t.id = $1)
        AND NOT EXISTS (SELECT FROM usage_watermarks w WHERE w.team_id = t.id)
    ORDER BY t.id
    ON CONFLICT (team_id) DO NOTHING
"""

# The newest entry of each team is asked for, and not whether there is a newer one: in a table that is nearly
# all one team's the planner would look for that row by row. The LIMITs in the other lateral parts keep it at
# one look into an index for each row, however much it thinks is new.
_FRESH = """
    WITH fresh AS MATERIALIZED (
        SELECT w.team_id FROM usage_watermarks w
        CROSS JOIN LATERAL (
            SELECT l.id FROM ledger l WHERE l.team_id = w.team_id ORDER BY l.id DESC LIMIT 1
        ) AS newest
        WHERE newest.id > w.ledger_id AND {which} ORDER BY random() LIMIT $1
    ), held AS MATERIALIZED (
        SELECT w.team_id, w.ledger_id FROM usage_watermarks w JOIN fresh USING (team_id)
        ORDER BY w.team_id FOR UPDATE OF w {others}
    )
"""

_NEWS = """
    news AS MATERIALIZED (
        SELECT held.team_id, entry.* FROM held
        CROSS JOIN LATERAL (
            SELECT l.id, l.job_id, l.kind, l.spent_micros FROM ledger l
            WHERE l.team_id = held.team_id AND l.id > held.ledger_id ORDER BY l.id LIMIT $2
        ) AS entry
    )
"""

# What each kind of entry says about a job. A job that was recorded before there was a ledger counts nowhere.
# One whose cost was learned afterwards is no longer without a price.
_COUNTED = """
    SELECT j.team_id, (j.created_at AT TIME ZONE 'UTC')::date AS day, j.key_id, j.model,
        COALESCE(j.end_user, '') AS end_user,
        count(*) FILTER (WHERE n.kind = 'reserve') AS jobs,
        count(*) FILTER (WHERE n.kind IN ('charge', 'release') AND j.state = 'succeeded') AS succeeded,
        count(*) FILTER (
            WHERE n.kind IN ('charge', 'release') AND j.state IN ('failed', 'expired', 'lost')
        ) AS failed,
        COALESCE(sum(j.images) FILTER (WHERE n.kind IN ('charge', 'release')), 0)::bigint AS images,
        COALESCE(sum(n.spent_micros), 0)::bigint AS cost_micros,
        COALESCE(sum(j.saved_micros) FILTER (WHERE n.kind IN ('charge', 'release')), 0)::bigint
            AS saved_micros,
        count(*) FILTER (WHERE n.kind = 'charge' AND n.spent_micros IS NULL)
            - count(*) FILTER (WHERE n.kind = 'adjust' AND n.spent_micros IS NOT NULL AND EXISTS (
                SELECT FROM ledger c
                WHERE c.job_id = n.job_id AND c.kind = 'charge' AND c.spent_micros IS NULL
            )) AS unpriced
    FROM news n
    CROSS JOIN LATERAL (SELECT * FROM jobs WHERE jobs.id = n.job_id LIMIT 1) AS j
    WHERE j.images_asked IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
"""

_ADDED = f"""
    added AS (
        INSERT INTO usage_daily AS u (team_id, day, key_id, model, end_user,
            jobs, succeeded, failed, images, cost_micros, saved_micros, unpriced)
        {_COUNTED}
        ON CONFLICT (team_id, day, key_id, model, end_user) DO UPDATE SET
            jobs = u.jobs + excluded.jobs,
            succeeded = u.succeeded + excluded.succeeded,
            failed = u.failed + excluded.failed,
            images = u.images + excluded.images,
            cost_micros = u.cost_micros + excluded.cost_micros,
            saved_micros = u.saved_micros + excluded.saved_micros,
            unpriced = u.unpriced + excluded.unpriced
    ), moved AS (
        UPDATE usage_watermarks w SET ledger_id = done.ledger_id
        FROM (SELECT team_id, max(id) AS ledger_id FROM news GROUP BY team_id) AS done
        WHERE w.team_id = done.team_id
    )
    SELECT count(*) AS entries,
        (SELECT count(*) FROM fresh) >= $1
            OR EXISTS (SELECT FROM news GROUP BY team_id HAVING count(*) >= $2) AS is_more
    FROM news
"""  # noqa: S608 # both parts are constants

_ANY_TEAM, _ONE_TEAM = "true", "w.team_id = $3"

# Beside others: what another process is at is left to it.
ROLL_UP = f"{_FRESH.format(which=_ANY_TEAM, others='SKIP LOCKED')}, {_NEWS}, {_ADDED}"
# To the present moment: what another process is at is waited for.
CATCH_UP = f"{_FRESH.format(which=_ANY_TEAM, others='')}, {_NEWS}, {_ADDED}"
CATCH_UP_TEAM = f"{_FRESH.format(which=_ONE_TEAM, others='')}, {_NEWS}, {_ADDED}"

# Nobody else makes sums of these teams until the commit.
FORGET = """
    WITH held AS (SELECT team_id FROM usage_watermarks ORDER BY team_id FOR UPDATE)
    UPDATE usage_watermarks w SET ledger_id = 0 FROM held WHERE w.team_id = held.team_id
    RETURNING w.team_id
"""

# Sums without a watermark belong to nobody; those of a team that was made a moment ago have one. The coarser
# ones go with the daily ones by themselves, as far as they were right.
CLEAR = tuple(
    f"""
        DELETE FROM {table} u
        WHERE u.team_id = ANY($1::uuid[])
            OR NOT EXISTS (SELECT FROM usage_watermarks w WHERE w.team_id = u.team_id)
    """  # noqa: S608 # tables of ours
    for table in ("usage_daily", "usage_by_day", "usage_by_month")
)

# The same numbers from the jobs themselves.
SUMS_OF_JOBS = """
    count(*) AS jobs,
    count(*) FILTER (WHERE j.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE j.state IN ('failed', 'expired', 'lost')) AS failed,
    COALESCE(sum(j.images), 0)::bigint AS images,
    COALESCE(sum(j.cost_micros), 0)::bigint AS cost_micros,
    COALESCE(sum(j.saved_micros), 0)::bigint AS saved_micros,
    count(*) FILTER (WHERE j.completed_at IS NOT NULL AND j.cost_micros IS NULL) AS unpriced
"""

_DIMENSIONS = "team_id, day, key_id, model, end_user"
_LINE = f"{_DIMENSIONS}, {', '.join(SUMS)}"
ADDED_UP = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMS)
_GROUPED = f"{_DIMENSIONS}, {ADDED_UP}"

# Of jobs that are not stored any more nothing but their sums is left to begin with.
RESTORE = f"INSERT INTO usage_daily ({_LINE}) SELECT {_LINE} FROM usage_purged"  # noqa: S608 # columns of ours

_COMPARED = f"""
    SELECT d.*, t.name AS team, k.name AS key
    FROM (
        SELECT {_DIMENSIONS}, to_jsonb(s) - $1::text[] AS summed, to_jsonb(c) - $1::text[] AS counted
        FROM summed s FULL JOIN counted c USING ({_DIMENSIONS})
    ) AS d
    LEFT JOIN teams t ON t.id = d.team_id
    LEFT JOIN api_keys k ON k.id = d.key_id
    WHERE d.summed IS DISTINCT FROM d.counted
    ORDER BY d.day, d.team_id, d.key_id, d.model, d.end_user
"""  # noqa: S608 # constants only

# One statement sees one moment: what is not summed up yet is added here, so that work makes no difference.
DIFFERENCES = f"""
    WITH news AS (
        SELECT l.job_id, l.kind, l.spent_micros FROM ledger l
        LEFT JOIN usage_watermarks w USING (team_id) WHERE l.id > COALESCE(w.ledger_id, 0)
    ), pending AS (
        {_COUNTED}
    ), summed AS (
        SELECT {_GROUPED}
        FROM (SELECT * FROM usage_daily UNION ALL SELECT * FROM pending) AS parts
        GROUP BY team_id, day, key_id, model, end_user
    ), stored AS (
        SELECT j.team_id, (j.created_at AT TIME ZONE 'UTC')::date AS day, j.key_id, j.model,
            COALESCE(j.end_user, '') AS end_user, {SUMS_OF_JOBS}
        FROM jobs j WHERE j.images_asked IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
    ), counted AS (
        SELECT {_GROUPED} FROM (
            SELECT * FROM stored UNION ALL SELECT {_LINE} FROM usage_purged
        ) AS parts
        GROUP BY team_id, day, key_id, model, end_user
    )
    {_COMPARED}
"""  # noqa: S608 # both parts are constants

# The same of one moment: whether the coarser sums are those of the daily ones.
DIFFERENCES_BY_DAY = f"""
    WITH summed AS (
        SELECT team_id, day, key_id, model, '' AS end_user, {", ".join(SUMS)} FROM usage_by_day
    ), counted AS (
        SELECT team_id, day, key_id, model, '' AS end_user, {ADDED_UP} FROM usage_daily GROUP BY 1, 2, 3, 4
    )
    {_COMPARED}
"""  # noqa: S608 # all parts are constants
DIFFERENCES_BY_MONTH = f"""
    WITH summed AS (
        SELECT team_id, month AS day, key_id, model, end_user, {", ".join(SUMS)} FROM usage_by_month
    ), counted AS (
        SELECT team_id, date_trunc('month', day::timestamp)::date AS day, key_id, model, end_user, {ADDED_UP}
        FROM usage_daily GROUP BY 1, 2, 3, 4, 5
    )
    {_COMPARED}
"""  # noqa: S608 # all parts are constants
