"""The SQL of what is used of limits at this moment."""

# A row whose window is over is brought up to date by the next job; until then what it says is of the past.
STANDING = """
    SELECT scope_id, budget_micros, budget_period, max_in_flight, max_images, in_flight,
        CASE WHEN is_over THEN 0 ELSE spent_micros END AS spent_micros,
        CASE WHEN is_over THEN 0 ELSE reserved_micros END AS reserved_micros,
        CASE WHEN is_over THEN 0 ELSE images END AS images,
        CASE WHEN budget_period <> 'total' THEN
            (GREATEST(window_start, starts_at) AT TIME ZONE 'UTC' + ('1 ' || budget_period)::interval)
                AT TIME ZONE 'UTC'
        END AS resets_at
    FROM allowances
    CROSS JOIN LATERAL (
        SELECT CASE WHEN budget_period <> 'total' THEN date_trunc(budget_period, now(), 'UTC')
            ELSE '-infinity' END AS starts_at
    ) AS present
    CROSS JOIN LATERAL (SELECT starts_at > window_start AS is_over) AS past
    WHERE scope_id = ANY($1::uuid[])
"""
