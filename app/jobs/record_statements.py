"""The statements that record jobs: they decide about money, keys and the cache, and record, all at once.

Each is one statement, so no lock is ever held while a process thinks or stalls. The rows of `allowances` are
locked first, always in the order of their ids, and what is decided is decided with the values under the lock.
"""

from app.jobs.move_statements import owed_by

# The rows come as JSON; see `columns.py`. Their number stands there for the planner: it counts on a hundred
# rows of such a function, for which it would read small tables whole, but on a tenth of them where they are
# limited to a number that it does not know.
#
# A job is admitted when it fits under every limit together with those of the same batch before it. One that
# would fit alone but comes behind others that do not all fit is `again`: the next round decides about it with
# the counters as they are then, so nobody is refused for the sake of somebody who was refused too.
# While this waited for the locks another statement may have begun the next window; a job counts at the later
# of both times, and windows never go back.
RECORD = """
    WITH asked AS (
        SELECT *, ordinality AS place FROM ROWS FROM (json_to_recordset($1::json) AS (
            id uuid, team_id uuid, key_id uuid, token_id uuid, model text, prompt text, input text,
            headers text, end_user text, cache text, price_version int, price_basis text, price_micros bigint,
            reserved_micros bigint, images_asked int, key_digest bytea, request_digest bytea,
            cache_digest bytea, replaces_keyed uuid, replaces_cached uuid, webhook_url text
        )) WITH ORDINALITY LIMIT $2
    ), held AS (
        SELECT *, GREATEST(window_start, CASE budget_period
            WHEN 'total' THEN '-infinity' ELSE date_trunc(budget_period, now(), 'UTC') END) AS starts_at
        FROM allowances
        WHERE scope_id IN (
            SELECT team_id FROM asked UNION SELECT key_id FROM asked UNION SELECT token_id FROM asked
        )
        ORDER BY scope_id FOR UPDATE
    ), room AS (
        SELECT scope_id, scope, starts_at, budget_micros, budget_period,
            budget_micros - CASE WHEN starts_at > window_start THEN 0
                                 ELSE spent_micros + reserved_micros END AS left_micros,
            max_images - CASE WHEN starts_at > window_start THEN 0 ELSE images END AS left_images,
            max_in_flight, max_in_flight - in_flight AS left_jobs
        FROM held
    ), wants AS (
        SELECT asked.id, asked.place, asked.reserved_micros, asked.images_asked, room.*,
            CASE
                WHEN budget_micros IS NOT NULL AND reserved_micros IS NULL THEN 'unpriced'
                WHEN reserved_micros > left_micros THEN 'budget'
                WHEN images_asked > left_images THEN 'images'
                WHEN left_jobs < 1 THEN 'in_flight'
            END AS refusal
        FROM asked
        CROSS JOIN LATERAL (VALUES (team_id), (key_id), (token_id)) AS scopes (scope_id)
        JOIN room USING (scope_id)
    ), refused AS (
        SELECT DISTINCT ON (id) * FROM wants WHERE refusal IS NOT NULL
        ORDER BY id, refusal = 'in_flight', left_micros NULLS LAST, scope
    ), fitting AS (
        SELECT *,
            sum(COALESCE(reserved_micros, 0)) OVER before_it AS running_micros,
            sum(images_asked) OVER before_it AS running_images,
            count(*) OVER before_it AS running_jobs
        FROM wants WHERE id NOT IN (SELECT id FROM refused)
        WINDOW before_it AS (PARTITION BY scope_id ORDER BY place)
    ), admitted AS (
        SELECT id, GREATEST(now(), max(starts_at)) AS created_at FROM fitting GROUP BY id
        HAVING bool_and(
            COALESCE(running_micros <= left_micros, true)
            AND COALESCE(running_images <= left_images, true)
            AND COALESCE(running_jobs <= left_jobs, true)
        )
    ), cached AS (
        INSERT INTO cached_answers AS c (team_id, request_digest, job_id, replaces_job_id, created_at)
        SELECT DISTINCT ON (team_id, cache_digest) team_id, cache_digest, id, replaces_cached, now()
        FROM asked JOIN admitted USING (id) WHERE cache_digest IS NOT NULL
        ORDER BY team_id, cache_digest, place
        ON CONFLICT (team_id, request_digest) DO UPDATE
            SET job_id = excluded.job_id, replaces_job_id = excluded.replaces_job_id,
                created_at = excluded.created_at
            WHERE c.job_id = excluded.replaces_job_id
        RETURNING job_id
    ), keyed AS (
        INSERT INTO idempotency_keys AS k
            (team_id, key_digest, request_digest, job_id, replaces_job_id, created_at)
        SELECT DISTINCT ON (team_id, key_digest)
            team_id, key_digest, request_digest, id, replaces_keyed, now()
        FROM asked JOIN admitted USING (id)
        WHERE key_digest IS NOT NULL
            AND (cache_digest IS NULL OR id IN (SELECT job_id FROM cached))
        ORDER BY team_id, key_digest, place
        ON CONFLICT (team_id, key_digest) DO UPDATE
            SET job_id = excluded.job_id, request_digest = excluded.request_digest,
                replaces_job_id = excluded.replaces_job_id, created_at = excluded.created_at
            WHERE k.job_id = excluded.replaces_job_id
        RETURNING job_id
    ), taken AS (
        SELECT * FROM asked JOIN admitted USING (id)
        WHERE (cache_digest IS NULL OR id IN (SELECT job_id FROM cached))
            AND (key_digest IS NULL OR id IN (SELECT job_id FROM keyed))
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, token_id, model, state, created_at, end_user, cache,
            price_version, price_basis, price_micros, reserved_micros, images_asked, webhook_url)
        SELECT id, team_id, key_id, token_id, model, 'submitting', created_at, end_user, cache,
            price_version, price_basis, price_micros, reserved_micros, images_asked, webhook_url
        FROM taken
    ), inputs AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, prompt, input, headers FROM taken
    ), events AS (
        INSERT INTO job_events (job_id, at, to_state) SELECT id, created_at, 'submitting' FROM taken
    ), works AS (
        INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
        SELECT 'follow', id, now() + make_interval(secs => $3), 0, $4::int, true FROM taken
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
        SELECT team_id, id, 'reserve', reserved_micros, reserved_micros * 0, created_at FROM taken
    ), counted AS (
        UPDATE allowances AS a SET
            window_start = s.starts_at,
            reserved_micros = CASE WHEN s.starts_at > a.window_start THEN 0 ELSE a.reserved_micros END
                + s.micros,
            spent_micros = CASE WHEN s.starts_at > a.window_start THEN 0 ELSE a.spent_micros END,
            images = CASE WHEN s.starts_at > a.window_start THEN 0 ELSE a.images END + s.images,
            in_flight = a.in_flight + s.jobs
        FROM (
            SELECT f.scope_id, f.starts_at, COALESCE(sum(f.reserved_micros), 0)::bigint AS micros,
                sum(f.images_asked)::int AS images, count(*)::int AS jobs
            FROM fitting f JOIN taken t ON t.id = f.id GROUP BY f.scope_id, f.starts_at
        ) AS s
        WHERE a.scope_id = s.scope_id
    )
    SELECT asked.id,
        CASE
            WHEN taken.id IS NOT NULL THEN 'submitting'
            WHEN refused.id IS NOT NULL THEN refused.refusal
            WHEN admitted.id IS NOT NULL THEN 'earlier'
            WHEN wanted.id IS NOT NULL THEN 'again'
            ELSE 'unknown scope'
        END AS outcome,
        refused.scope, refused.budget_micros, refused.left_micros, refused.left_images,
        refused.max_in_flight,
        CASE WHEN refused.budget_period <> 'total'
             THEN refused.starts_at + ('1 ' || refused.budget_period)::interval END AS resets_at
    FROM asked
    LEFT JOIN taken USING (id)
    LEFT JOIN refused USING (id)
    LEFT JOIN admitted USING (id)
    LEFT JOIN (SELECT DISTINCT id FROM wants) AS wanted USING (id)
"""

# A job that is answered by another one: nothing is reserved for it and nothing is sent. The team's allowance
# is locked all the same: the entries of one team's ledger become visible in the order of their numbers.
_RECORD_ANSWERED = """
    WITH asked AS (
        SELECT *, ordinality AS place FROM ROWS FROM (json_to_recordset($1::json) AS (
            id uuid, team_id uuid, key_id uuid, token_id uuid, model text, prompt text, input text,
            headers text, end_user text, source_job_id uuid, images_asked int, key_digest bytea,
            request_digest bytea, replaces_keyed uuid, webhook_url text
        )) WITH ORDINALITY LIMIT $2
    ), held AS (
        SELECT scope_id FROM allowances WHERE scope_id IN (SELECT team_id FROM asked)
        ORDER BY scope_id FOR UPDATE
    ), sourced AS (
        SELECT asked.*, j.state = 'succeeded' AS is_made, j.cost_micros AS saved_micros, j.images
        FROM asked
        JOIN held ON held.scope_id = asked.team_id
        JOIN jobs j ON j.id = asked.source_job_id AND j.purged_at IS NULL
            AND j.state IN ('accepted', 'submitting', 'queued', 'running', 'fetching', 'succeeded')
    ), keyed AS (
        INSERT INTO idempotency_keys AS k
            (team_id, key_digest, request_digest, job_id, replaces_job_id, created_at)
        SELECT DISTINCT ON (team_id, key_digest)
            team_id, key_digest, request_digest, id, replaces_keyed, now()
        FROM sourced WHERE key_digest IS NOT NULL
        ORDER BY team_id, key_digest, place
        ON CONFLICT (team_id, key_digest) DO UPDATE
            SET job_id = excluded.job_id, request_digest = excluded.request_digest,
                replaces_job_id = excluded.replaces_job_id, created_at = excluded.created_at
            WHERE k.job_id = excluded.replaces_job_id
        RETURNING job_id
    ), taken AS (
        SELECT *, CASE WHEN is_made THEN 'succeeded' ELSE 'queued' END AS state FROM sourced
        WHERE key_digest IS NULL OR id IN (SELECT job_id FROM keyed)
    ), recorded AS (
        INSERT INTO jobs (id, team_id, key_id, token_id, model, state, created_at, completed_at, end_user,
            cache, source_job_id, images_asked, cost_micros, saved_micros, images, webhook_url)
        SELECT id, team_id, key_id, token_id, model, state, now(), CASE WHEN is_made THEN now() END, end_user,
            CASE WHEN is_made THEN 'HIT' ELSE 'JOINED' END, source_job_id, images_asked,
            CASE WHEN is_made THEN 0 END, CASE WHEN is_made THEN saved_micros END,
            CASE WHEN is_made THEN images END, webhook_url
        FROM taken
    ), inputs AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT id, prompt, input, headers FROM taken
    ), events AS (
        INSERT INTO job_events (job_id, at, to_state, note)
        SELECT id, now(), state, 'answered by ' || source_job_id FROM taken
    ), works AS (
        INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
        SELECT 'follow', id, now() + make_interval(secs => $3), 0, $4::int, false FROM taken
        WHERE NOT is_made
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
        SELECT team_id, id, kind, 0, 0, now()
        FROM taken CROSS JOIN (VALUES (1, 'reserve'), (2, 'charge')) AS kinds (step, kind)
        WHERE kind = 'reserve' OR is_made
        ORDER BY place, step
    ) {owed}
    SELECT asked.id, COALESCE(taken.state, 'earlier') AS outcome FROM asked LEFT JOIN taken USING (id)
"""

# Few requests name a webhook; for all others nobody owes one.
RECORD_ANSWERED = _RECORD_ANSWERED.format(owed="")
RECORD_ANSWERED_WITH_WEBHOOKS = _RECORD_ANSWERED.format(owed=owed_by("(SELECT * FROM taken WHERE is_made)"))

# What is known of the requests before this one that had the same idempotency key, or asked for the same.
FIND_EARLIER = """
    SELECT asked.place, k.job_id AS keyed_job_id, k.request_digest AS keyed_request_digest,
        k.created_at > now() - interval '24 hours' AND kj.id IS NOT NULL
            AND NOT (kj.state = 'failed' AND kj.submitted_at IS NULL) AS is_replay,
        c.job_id AS cached_job_id, cj.state AS cached_state,
        cj.cancel_requested_at IS NOT NULL AS cached_is_cancelled,
        extract(epoch FROM now() - cj.completed_at)::float8 AS cached_age_seconds,
        cj.purged_at IS NOT NULL AS cached_is_purged
    FROM unnest($1::uuid[], $2::bytea[], $3::bytea[]) WITH ORDINALITY
        AS asked (team_id, key_digest, cache_digest, place)
    LEFT JOIN idempotency_keys k ON k.team_id = asked.team_id AND k.key_digest = asked.key_digest
    LEFT JOIN jobs kj ON kj.id = k.job_id
    LEFT JOIN cached_answers c ON c.team_id = asked.team_id AND c.request_digest = asked.cache_digest
    LEFT JOIN jobs cj ON cj.id = c.job_id
    ORDER BY asked.place
"""
