"""The statement that records jobs of which all fit: the usual case, for less than deciding one by one costs.

It adds up what the whole batch asks of each limit. Where everything fits it records all of it, but for what
another job has claimed before; where anything does not it changes nothing, and `record_statements.RECORD`
decides about each job. Like that one it locks the rows of `allowances` first, in the order of their ids, and
decides with the values under the lock.

A batch of one has its values in the statement themselves: unfolding twenty arrays, and joining each part of
the statement with the one row that they hold, took a third of the time.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Final, NamedTuple

from app.jobs.placeholders import alone, arrays, values_at

# In the order of `usual_columns.fitting_columns`.
_COLUMNS: Final = {
    "id": "uuid",
    "team_id": "uuid",
    "key_id": "uuid",
    "token_id": "uuid",
    "model": "text",
    "prompt": "text",
    "input": "text",
    "headers": "text",
    "end_user": "text",
    "cache": "text",
    "price_version": "int",
    "price_basis": "text",
    "price_micros": "bigint",
    "reserved_micros": "bigint",
    "images_asked": "int",
    "key_digest": "bytea",
    "request_digest": "bytea",
    "cache_digest": "bytea",
    "replaces_keyed": "uuid",
    "replaces_cached": "uuid",
    "webhook_url": "text",
}


class Shape(NamedTuple):
    """What a batch is like.

    Attributes:
        is_one: whether it is one job.
        has_key: whether any job has an idempotency key.
        has_cache: whether the answer of any job may be given to others.
    """

    is_one: bool
    has_key: bool
    has_cache: bool


# Digests that the shape of a batch does not need are named here alone, to be of a type, and left out of the
# plan.
_ASKED = """
    asked AS (
        SELECT place::int AS place
        FROM unnest({id}) WITH ORDINALITY AS asked (id, place) CROSS JOIN (
            SELECT {key_digest}, {request_digest}, {cache_digest}, {replaces_keyed}, {replaces_cached}
        ) AS named
    ),
"""

# What the batch asks of each scope: of one job it is what the job asks, of many they come added up.
_ONE_WANTS = """
    (SELECT COALESCE({reserved_micros}, 0) AS micros, {images_asked} AS images, 1 AS jobs,
        {reserved_micros} IS NULL AS is_unpriced,
        {key_digest}, {request_digest}, {cache_digest}, {replaces_keyed}, {replaces_cached}) AS w
    JOIN allowances a ON a.scope_id = ANY(ARRAY[{team_id}, {key_id}, {token_id}])
"""
_MANY_WANTS = """
    unnest($25::uuid[], $26::bigint[], $27::int[], $28::int[], $29::bool[])
        AS w (scope_id, micros, images, jobs, is_unpriced)
    JOIN allowances a ON a.scope_id = w.scope_id
"""

# A window that another statement has begun while this waited for the locks, at a time that is to come for
# this one, is left to the statement that decides one by one. Tokens without limits have no row.
_HELD = """
    held AS (
        SELECT a.scope_id, a.scope, s.starts_at, s.starts_at > a.window_start AS is_new,
            s.starts_at <= now()
            AND COALESCE(w.jobs <= a.max_in_flight - a.in_flight, true)
            AND COALESCE(w.images <= a.max_images
                - CASE WHEN s.starts_at > a.window_start THEN 0 ELSE a.images END, true)
            AND (a.budget_micros IS NULL OR NOT w.is_unpriced AND w.micros <= a.budget_micros
                - CASE WHEN s.starts_at > a.window_start THEN 0
                       ELSE a.spent_micros + a.reserved_micros END) AS fits
        FROM {wants}
        CROSS JOIN LATERAL (SELECT GREATEST(a.window_start, CASE a.budget_period
            WHEN 'total' THEN '-infinity' ELSE date_trunc(a.budget_period, now(), 'UTC') END
        ) AS starts_at) AS s
        ORDER BY a.scope_id FOR UPDATE OF a
    ), passed AS (
        SELECT COALESCE(bool_and(fits), false)
            AND count(*) FILTER (WHERE scope <> 'token') = $24::int AS all_fit
        FROM held
    )
"""

_CACHED = """
    , cached AS (
        INSERT INTO cached_answers AS c (team_id, request_digest, job_id, replaces_job_id, created_at)
        SELECT {team_id}, {cache_digest}, {id}, {replaces_cached}, now() FROM {candidates}
        WHERE all_fit AND {cache_digest} IS NOT NULL
        {ordered}
        ON CONFLICT (team_id, request_digest) DO UPDATE
            SET job_id = excluded.job_id, replaces_job_id = excluded.replaces_job_id,
                created_at = excluded.created_at
            WHERE c.job_id = excluded.replaces_job_id
        RETURNING job_id
    )
"""
_KEYED = """
    , keyed AS (
        INSERT INTO idempotency_keys AS k
            (team_id, key_digest, request_digest, job_id, replaces_job_id, created_at)
        SELECT {team_id}, {key_digest}, {request_digest}, {id}, {replaces_keyed}, now() FROM {candidates}
        WHERE all_fit AND {key_digest} IS NOT NULL {has_cached}
        {ordered}
        ON CONFLICT (team_id, key_digest) DO UPDATE
            SET job_id = excluded.job_id, request_digest = excluded.request_digest,
                replaces_job_id = excluded.replaces_job_id, created_at = excluded.created_at
            WHERE k.job_id = excluded.replaces_job_id
        RETURNING job_id
    )
"""
_HAS_CACHED = " AND ({cache_digest} IS NULL OR {id} IN (SELECT job_id FROM cached))"
_HAS_KEYED = " AND ({key_digest} IS NULL OR {id} IN (SELECT job_id FROM keyed))"

_TAKEN = """
    , taken AS (
        SELECT {taken} FROM {candidates} WHERE all_fit {has_cached} {has_keyed}
    )
"""
_WRITTEN = """
    , recorded AS (
        INSERT INTO jobs (id, team_id, key_id, token_id, model, state, created_at, end_user, cache,
            price_version, price_basis, price_micros, reserved_micros, images_asked, webhook_url)
        SELECT {id}, {team_id}, {key_id}, {token_id}, {model}, 'submitting', now(), {end_user}, {cache},
            {price_version}, {price_basis}, {price_micros}, {reserved_micros}, {images_asked}, {webhook_url}
        FROM taken
    ), inputs AS (
        INSERT INTO job_inputs (job_id, prompt, input, upstream_headers)
        SELECT {id}, {prompt}, {input}, {headers} FROM taken
    ), events AS (
        INSERT INTO job_events (job_id, at, to_state) SELECT {id}, now(), 'submitting' FROM taken
    ), works AS (
        INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
        SELECT 'follow', {id}, now() + make_interval(secs => $22), 0, $23::int, true FROM taken
    ), entered AS (
        INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
        SELECT {team_id}, {id}, 'reserve', {reserved_micros}, {reserved_micros} * 0, now() FROM taken
    ), counted AS (
        UPDATE allowances AS a SET
            window_start = s.starts_at,
            reserved_micros = CASE WHEN s.is_new THEN 0 ELSE a.reserved_micros END + s.micros,
            spent_micros = CASE WHEN s.is_new THEN 0 ELSE a.spent_micros END,
            images = CASE WHEN s.is_new THEN 0 ELSE a.images END + s.images,
            in_flight = a.in_flight + s.jobs
        FROM {sums} AS s
        WHERE a.scope_id = s.scope_id
    )
"""
_ONE_SUMS = """
    (SELECT held.*, COALESCE({reserved_micros}, 0) AS micros, {images_asked} AS images, 1 AS jobs
     FROM held CROSS JOIN taken)
"""
_MANY_SUMS = """
    (SELECT held.scope_id, held.starts_at, held.is_new, sum({images_asked})::int AS images,
        COALESCE(sum({reserved_micros}), 0)::bigint AS micros, count(*)::int AS jobs
     FROM held JOIN taken ON held.scope_id IN ({team_id}, {key_id}, {token_id})
     GROUP BY held.scope_id, held.starts_at, held.is_new)
"""

_ONE_OUTCOME = """
    SELECT {id} AS id, CASE WHEN NOT all_fit THEN 'again' WHEN EXISTS (SELECT FROM taken) THEN 'submitting'
        ELSE 'earlier' END AS outcome
    FROM passed
"""
_MANY_OUTCOMES = """
    SELECT {id} AS id, CASE WHEN NOT all_fit THEN 'again'
        WHEN place IN (SELECT place FROM taken) THEN 'submitting' ELSE 'earlier' END AS outcome
    FROM asked CROSS JOIN passed
"""


def _statement(shape: Shape) -> str:
    return "WITH " + (_of_one(shape) if shape.is_one else _of_many(shape))


def _of_one(shape: Shape) -> str:
    values = alone(_COLUMNS)
    parts = _parts(shape, values) | {"candidates": "passed", "taken": "1", "ordered": ""}
    held = _HELD.format(wants=_ONE_WANTS.format(**values))
    decided = "".join(part.format(**values, **parts) for part in _decided(shape))
    written = _WRITTEN.format(**values, sums=_ONE_SUMS.format(**values))
    return held + decided + written + _ONE_OUTCOME.format(**values)


def _of_many(shape: Shape) -> str:
    asked, taken = values_at(_COLUMNS, "asked.place"), values_at(_COLUMNS, "taken.place")
    parts = _parts(shape, asked) | {
        "candidates": "asked CROSS JOIN passed",
        "taken": "asked.place",
        "ordered": "ORDER BY 1, 2",
    }
    held = _ASKED.format(**arrays(_COLUMNS)) + _HELD.format(wants=_MANY_WANTS)
    decided = "".join(part.format(**asked, **parts) for part in _decided(shape))
    written = _WRITTEN.format(**taken, sums=_MANY_SUMS.format(**taken))
    return held + decided + written + _MANY_OUTCOMES.format(**asked)


def _decided(shape: Shape) -> Sequence[str]:
    return (_CACHED if shape.has_cache else "", _KEYED if shape.has_key else "", _TAKEN)


def _parts(shape: Shape, values: Mapping[str, str]) -> dict[str, str]:
    return {
        "has_cached": _HAS_CACHED.format(**values) if shape.has_cache else "",
        "has_keyed": _HAS_KEYED.format(**values) if shape.has_key else "",
    }


RECORD_FITTING: Final[Mapping[Shape, str]] = {
    shape: _statement(shape) for shape in map(Shape._make, product((False, True), repeat=3))
}
