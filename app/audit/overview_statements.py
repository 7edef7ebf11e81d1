"""The SQL of how things stand at this moment: bounded questions that are asked again every few seconds.

The LIMITs are written out because the planner takes one that it does not know for a tenth of all rows.
"""

# Below so many of the newest jobs the last ones that ended are looked for.
NEWEST = 20_000
ENDED = 1_000
BUDGETS = 12
# The series of a chart that have a name; all others are one.
NAMED_SERIES = 7

_OF_TEAM = "team_id = $1"

OPEN = """
    SELECT j.state, count(*) AS jobs FROM work w JOIN jobs j ON j.id = w.job_id
    WHERE w.kind = 'follow' {team} GROUP BY j.state
"""
OPEN_OF_ALL = OPEN.format(team="")
OPEN_OF_TEAM = OPEN.format(team="AND j.team_id = $1")

# Longer than a worker of this or another process leaves anything that is due.
OVERDUE = """
    SELECT count(*) AS rows FROM (
        SELECT 1 FROM work
        WHERE kind IN ('follow', 'deliver') AND due_at < now() - interval '15 s' LIMIT 1000
    ) AS overdue
"""

_TODAY = """
    SELECT COALESCE(sum(jobs), 0)::bigint AS jobs, COALESCE(sum(succeeded), 0)::bigint AS succeeded,
        COALESCE(sum(failed), 0)::bigint AS failed, COALESCE(sum(images), 0)::bigint AS images,
        COALESCE(sum(cost_micros), 0)::bigint AS cost_micros,
        COALESCE(sum(saved_micros), 0)::bigint AS saved_micros
    FROM usage_by_day WHERE day = (now() AT TIME ZONE 'UTC')::date {team}
"""
TODAY_OF_ALL = _TODAY.format(team="")
TODAY_OF_TEAM = _TODAY.format(team=f"AND {_OF_TEAM}")

# Ids rise with time, so the newest jobs stand together in the index. What was answered by another job took no
# time of its own.
_LATELY = f"""
    SELECT count(*) AS ended, count(*) FILTER (WHERE cache IN ('HIT', 'JOINED')) AS answered,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE is_made) AS p50_seconds,
        percentile_disc(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE is_made) AS p95_seconds
    FROM (
        SELECT * FROM (
            SELECT cache, completed_at, state = 'succeeded' AND source_job_id IS NULL AS is_made,
                extract(epoch FROM completed_at - created_at)::float8 AS seconds
            FROM jobs {{team}} ORDER BY id DESC LIMIT {NEWEST}
        ) AS newest
        WHERE completed_at IS NOT NULL LIMIT {ENDED}
    ) AS lately
"""  # noqa: S608 # all parts are constants
LATELY_OF_ALL = _LATELY.format(team="")
LATELY_OF_TEAM = _LATELY.format(team=f"WHERE {_OF_TEAM}")

# What is used counts for the window that the row is in; once that is over, nothing is used of the next.
_BUDGETS = f"""
    SELECT scope, name, budget_micros, budget_period, is_present,
        CASE WHEN is_present THEN spent_micros ELSE 0 END AS spent_micros,
        CASE WHEN is_present THEN reserved_micros ELSE 0 END AS reserved_micros, in_flight, max_in_flight
    FROM ({{owners}}) AS owner
    JOIN allowances a ON a.scope_id = owner.id
    CROSS JOIN LATERAL (
        SELECT budget_period = 'total' OR window_start >= date_trunc(budget_period, now(), 'UTC')
            AS is_present
    ) AS present
    ORDER BY owner.place,
        CASE WHEN budget_micros = 0 THEN 1
            WHEN is_present THEN (spent_micros + reserved_micros)::float8 / budget_micros
            WHEN budget_micros IS NOT NULL THEN 0 END DESC NULLS LAST,
        CASE WHEN is_present THEN spent_micros ELSE 0 END DESC, name
    LIMIT {BUDGETS + 1}
"""  # noqa: S608 # all parts are constants
BUDGETS_OF_ALL = _BUDGETS.format(
    owners="""
        SELECT id, name, 1 AS place FROM teams
        WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    """
)
BUDGETS_OF_TEAM = _BUDGETS.format(
    owners="""
        SELECT id, name, 1 AS place FROM teams WHERE id = $1
        UNION ALL
        SELECT id, name, 2 FROM api_keys
        WHERE team_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    """
)

# What the days of a chart can be told by: the column, and where its names are.
_NAMED_BY = {
    "team": ("team_id", "(SELECT name FROM teams WHERE id = series)"),
    "key": ("key_id", "(SELECT name FROM api_keys WHERE id = series)"),
    "model": ("model", "series"),
}
_DAYS = f"""
    WITH sums AS MATERIALIZED (
        SELECT {{column}} AS series, day, sum(jobs)::bigint AS jobs, sum(images)::bigint AS images,
            sum(cost_micros)::bigint AS cost_micros, sum(saved_micros)::bigint AS saved_micros
        FROM usage_by_day WHERE day >= $1 {{team}} GROUP BY 1, 2
    ), largest AS (
        SELECT series, {{name}} AS name FROM sums GROUP BY series
        ORDER BY sum(cost_micros) DESC, sum(jobs) DESC, series LIMIT {NAMED_SERIES}
    )
    SELECT day, largest.series::text AS series, name, sum(jobs)::bigint AS jobs,
        sum(images)::bigint AS images, sum(cost_micros)::bigint AS cost_micros,
        sum(saved_micros)::bigint AS saved_micros
    FROM sums LEFT JOIN largest USING (series) GROUP BY 1, 2, 3
"""  # noqa: S608 # all parts are constants


def days_by(dimension: str, *, of_team: bool) -> str:
    """The statement for the sums of each day, by the largest of a dimension; the first day is `$1`."""
    column, name = _NAMED_BY[dimension]
    return _DAYS.format(column=column, name=name, team="AND team_id = $2" if of_team else "")
