"""A month of jobs of the past: busy by day, quiet at night and on Sundays, with faults and repeats."""

from uuid import UUID

from tests.support.database import Database

# `kind` 0 failed, 1 cancelled, 2 lost, 3 to 5 answered by an earlier one, all others succeeded. Times and ids
# rise together, as the gateway's do.
PAST = """
    WITH series AS (
        SELECT n, now() - interval '29 days' + n * (interval '28 days 22 hours' / $3::int) AS at,
            (hashint4(n + $4::int * 7919) & 65535) AS chance, (hashint4(n * 31 + $4::int) & 65535) AS other
        FROM generate_series(0, $3::int - 1) n
    ), happened AS (
        SELECT *, CASE WHEN chance % 40 < 2 THEN 0 WHEN chance % 40 < 3 THEN 1 WHEN chance % 397 = 5 THEN 2
                WHEN chance % 40 > 34 THEN 3 ELSE 9 END AS kind,
            (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
                || lpad(to_hex(n % 4096), 3, '0') || '8'
                || substr(md5($4::int || '-' || n), 1, 15))::uuid AS id
        FROM series
        WHERE chance % 100 < (0.55 + 0.45 * n / $3::int) * CASE WHEN extract(isodow FROM at) = 7 THEN 25
            WHEN extract(hour FROM at) BETWEEN 7 AND 19 THEN 100 ELSE 35 END
    ), named AS (
        SELECT *, ($5::text[])[least(cardinality($5::text[]), other % 10 / 3 + 1)] AS model,
            ($2::uuid[])[other % cardinality($2::uuid[]) + 1] AS key_id,
            ($6::text[])[other % cardinality($6::text[]) + 1] AS end_user,
            ($7::text[])[other % cardinality($7::text[]) + 1] AS prompt,
            CASE kind WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' WHEN 2 THEN 'lost' ELSE 'succeeded'
                END AS state,
            1 + other % 4 / 3 AS pictures,
            interval '1 s' * (1.2 + (chance % 300) / 100.0 + CASE WHEN chance % 50 = 9 THEN 9 ELSE 0 END)
                AS took,
            max(id::text) FILTER (WHERE kind = 9) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) AS source
        FROM happened
    ), priced AS (
        SELECT *, kind = 3 AND source IS NOT NULL AS is_answered, 25000 * pictures AS most,
            CASE WHEN kind IN (0, 1) OR (kind = 3 AND source IS NOT NULL) THEN 0 ELSE 25000 * pictures
                END AS cost
        FROM named
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, model, state, created_at, submitted_at, started_at,
            completed_at, error, error_type, end_user, cache, source_job_id, upstream_id, price_version,
            price_basis, price_micros, reserved_micros, cost_micros, saved_micros, images_asked, images)
        SELECT id, $1, key_id, model, state, at, CASE WHEN NOT is_answered THEN at + interval '70 ms' END,
            CASE WHEN NOT is_answered THEN at + interval '400 ms' END,
            at + CASE WHEN is_answered THEN interval '4 ms' ELSE took END,
            CASE kind WHEN 0 THEN 'The upstream could not make this picture.'
                WHEN 2 THEN 'The upstream may have taken this job.' END,
            CASE kind WHEN 0 THEN 'upstream_error' WHEN 2 THEN 'submit_unknown' END,
            end_user, CASE WHEN is_answered THEN 'HIT' ELSE 'MISS' END,
            CASE WHEN is_answered THEN source::uuid END,
            CASE WHEN NOT is_answered THEN gen_random_uuid()::text END, 1, 'megapixel', 25000,
            CASE WHEN NOT is_answered THEN most END, cost, CASE WHEN is_answered THEN most END, pictures,
            CASE WHEN state = 'succeeded' THEN pictures ELSE 0 END
        FROM priced
    ), asked AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, prompt, jsonb_build_object('prompt', prompt, 'num_images', pictures)::text, '{}'
        FROM priced
    ), answered AS (
        INSERT INTO job_results (job_id, status_code, headers, body)
        SELECT id, 200, '{}', convert_to(jsonb_build_object('seed', other, 'images', jsonb_build_array(
            jsonb_build_object('url', $8::text, 'width', 1024, 'height', 768, 'content_type', 'image/png')
        ))::text, 'UTF8')
        FROM priced WHERE state = 'succeeded' AND NOT is_answered
    ), doubted AS (
        INSERT INTO job_events (job_id, at, from_state, to_state, note)
        SELECT id, at + delay, from_state, to_state, note FROM priced
        CROSS JOIN LATERAL (VALUES
            (interval '0', NULL, 'submitting', NULL),
            (interval '20 s', 'submitting', 'unknown', 'no answer: the connection was closed'),
            (interval '10 min', 'unknown', 'lost', 'nothing more was heard of it')
        ) AS moves (delay, from_state, to_state, note)
        WHERE kind = 2 ORDER BY n, delay
    )
    INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
    SELECT $1, id, entry, CASE WHEN is_answered THEN 0 WHEN step = 1 THEN most ELSE -most END,
        CASE WHEN step = 1 THEN 0 ELSE cost END, at + CASE step WHEN 1 THEN interval '0' ELSE took END
    FROM priced
    CROSS JOIN LATERAL (VALUES (1, 'reserve'), (2, CASE WHEN kind IN (0, 1) THEN 'release' ELSE 'charge' END))
        AS entries (step, entry)
    ORDER BY n, step
"""

# What the simulated upstream has made today for the same words.
TODAYS_PICTURES = """
    WITH made AS (
        SELECT DISTINCT ON (prompt) prompt, body
        FROM jobs j JOIN job_inputs i ON i.job_id = j.id JOIN job_results r ON r.job_id = j.id
        WHERE j.created_at > now() - interval '30 minutes' AND state = 'succeeded' ORDER BY prompt, j.id
    )
    UPDATE job_results r SET body = made.body
    FROM jobs j JOIN job_inputs i ON i.job_id = j.id JOIN made USING (prompt)
    WHERE r.job_id = j.id AND j.created_at < now() - interval '30 minutes'
"""


def live_through(
    database: Database,
    *,
    team_id: UUID,
    key_ids: list[UUID],
    number: int,
    seed: int,
    models: list[str],
    end_users: list[str | None],
    prompts: list[str],
    picture_url: str,
) -> None:
    """Records about half of so many jobs of a team, over the last 29 days."""
    database.rows(PAST, team_id, key_ids, number, seed, models, end_users, prompts, picture_url)


def show_pictures_of_today(database: Database) -> None:
    """Gives the past the pictures that there are."""
    database.rows(TODAYS_PICTURES)
