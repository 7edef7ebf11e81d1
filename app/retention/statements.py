"""The SQL of the purge: what is past its time, whether it may go, and how it goes.

Ids rise with time, so what is past its time is a range of a team's ids: from its mark to an id of the time
that its policy names. Each step takes a bounded number of that range, moves the mark behind them, and leaves
those that cannot go yet in `work`, where they are judged again. Limits are written out because the planner
takes one that it does not know for a tenth of all rows, and then reads whole tables.
"""

from dataclasses import dataclass
from typing import Final

JOBS_AT_ONCE: Final = 100
DIGESTS_AT_ONCE: Final = 1000
DELIVERIES_AT_ONCE: Final = 500

_LAST_ID: Final = "'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid"


def _id_at(moment: str) -> str:
    """Above the id of every job that was recorded before this moment; below all others, and all for NULL."""
    milliseconds = f"GREATEST((extract(epoch FROM {moment}) * 1000)::bigint, 0)"
    return f"(lpad(to_hex({milliseconds}), 12, '0') || repeat('0', 20))::uuid"


def _payload_term(grace: str) -> str:
    """For how long a team keeps payloads; NULL is for ever."""
    return f"""
        LEAST(
            CASE WHEN t.privacy <> 'full' THEN make_interval(secs => {grace}::float8) END,
            make_interval(days => COALESCE(t.payload_days, $2::int))
        )
    """


_JOB_TERM: Final = "make_interval(days => COALESCE(t.job_days, $2::int))"

# What is owed to somebody, or asked of this job by another one: that one's answer is read from here.
_FINISHED: Final = """
    NOT EXISTS (SELECT FROM work w WHERE w.job_id = j.id AND w.kind IN ('follow', 'deliver', 'archive'))
    AND NOT EXISTS (SELECT FROM deliveries d WHERE d.job_id = j.id AND d.state = 'pending')
    AND NOT EXISTS (SELECT FROM jobs o WHERE o.source_job_id = j.id AND o.purged_at IS NULL)
"""

# A job that is lost, or was sent twice, is a question until it is settled. A browser token's allowance is
# derived from its jobs for as long as it is there. Jobs that are in no sum of usage yet have to stay.
_SETTLED: Final = """
    (j.source_job_id IS NOT NULL
        OR EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'adjust')
        OR NOT (j.state = 'lost'
            OR EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.kind = 'resubmit')))
    AND NOT EXISTS (SELECT FROM allowances a WHERE a.scope_id = j.token_id)
    AND EXISTS (
        SELECT FROM usage_watermarks w
        WHERE w.team_id = j.team_id AND w.team_id = ANY($4::uuid[])
            AND NOT EXISTS (SELECT FROM ledger l WHERE l.job_id = j.id AND l.id > w.ledger_id)
    )
"""


_DUE: Final = """
    SELECT t.id AS team_id, t.name AS team, m.{mark} AS until, cut.id AS end_id
    FROM teams t JOIN retention_marks m ON m.team_id = t.id
    CROSS JOIN LATERAL (SELECT {end_id} AS id) AS cut
    CROSS JOIN LATERAL (
        SELECT j.id FROM jobs j WHERE j.team_id = t.id AND j.id > m.{mark} AND j.id < cut.id
        ORDER BY j.id LIMIT 1
    ) AS first
    ORDER BY random()
"""

_COUNT: Final = """
    SELECT count(*) AS number FROM jobs j
    WHERE j.team_id = $1 AND j.id > $2 AND j.id < $3 AND NOT ({is_done})
"""

_JUDGE: Final = """
    SELECT j.id, t.privacy,
        CASE WHEN {is_done} THEN 'done'
             WHEN j.completed_at < now() - kept.term AND {may_go} THEN 'go'
             ELSE 'wait' END AS verdict,
        LEAST($1::float8, CASE WHEN j.completed_at >= now() - kept.term
            THEN extract(epoch FROM j.completed_at + kept.term - now())::float8 + 1 END) AS again_in
    FROM jobs j JOIN teams t ON t.id = j.team_id
    CROSS JOIN LATERAL (SELECT {term} AS term) AS kept
    WHERE j.id = ANY($3::uuid[])
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the two things that go, each after a time of its own.

    Attributes:
        name: as it stands in the work table.
        due: the teams of which something is past its time, and up to which id.
        count: how many jobs that are, of one team.
        hold: the mark of one team, for the one who takes the step.
        judge: which of these jobs may go now.
        advance: moves the mark.
    """

    name: str
    due: str
    count: str
    hold: str
    judge: str
    advance: str


def _kind(name: str, mark: str, *, due_term: str, term: str, is_done: str, may_go: str) -> Kind:
    return Kind(
        name=name,
        due=_DUE.format(mark=mark, end_id=_id_at(f"now() - {due_term} - make_interval(secs => $1::float8)")),
        count=_COUNT.format(is_done=is_done),
        hold=f"SELECT {mark} AS until FROM retention_marks WHERE team_id = $1 FOR UPDATE SKIP LOCKED",  # noqa: S608 # all parts are constants
        judge=_JUDGE.format(is_done=is_done, may_go=may_go, term=term),
        advance=f"UPDATE retention_marks SET {mark} = GREATEST({mark}, $2::uuid) WHERE team_id = $1",  # noqa: S608 # all parts are constants
    )


PAYLOADS: Final = _kind(
    "purge payload",
    "payloads_until",
    due_term=_payload_term("$3"),
    term=_payload_term("$4"),
    is_done="j.purged_at IS NOT NULL",
    may_go=_FINISHED,
)
JOBS: Final = _kind(
    "purge job",
    "jobs_until",
    due_term=_JOB_TERM,
    term=_JOB_TERM,
    is_done="false",
    may_go=f"{_FINISHED} AND {_SETTLED}",
)

# A team gets its marks when it begins to have something that ends. In the order of their ids, so that two who
# do this cannot wait for each other.
OPEN_MARKS: Final = """
    INSERT INTO retention_marks (team_id)
    SELECT t.id FROM teams t
    WHERE (t.privacy <> 'full' OR COALESCE(t.payload_days, t.job_days, $1::int) IS NOT NULL)
        AND NOT EXISTS (SELECT FROM retention_marks m WHERE m.team_id = t.id)
    ORDER BY t.id
    ON CONFLICT (team_id) DO NOTHING
"""

NEXT: Final = f"""
    SELECT id FROM jobs WHERE team_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT {JOBS_AT_ONCE}
"""  # noqa: S608 # a number of ours

# Those that could not go when their mark went by.
PUT_OFF: Final = f"""
    SELECT job_id AS id FROM work WHERE kind = $1 AND due_at <= now()
    ORDER BY due_at LIMIT {JOBS_AT_ONCE} FOR UPDATE SKIP LOCKED
"""  # noqa: S608 # a number of ours

# A webhook that is asked for again holds its job, too; what is judged after this is still so at the end.
LOCK: Final = "SELECT id FROM jobs WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE SKIP LOCKED"

# Whoever makes these sums anew waits for the end of the step, and is waited for by nobody.
HOLD_SUMS: Final = """
    SELECT team_id FROM usage_watermarks
    WHERE team_id IN (SELECT team_id FROM jobs WHERE id = ANY($1::uuid[]))
    ORDER BY team_id FOR SHARE SKIP LOCKED
"""

WAIT: Final = """
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    SELECT $1, id, now() + make_interval(secs => again_in), 0, 0, false
    FROM unnest($2::uuid[], $3::float8[]) AS waiting (id, again_in)
    ON CONFLICT (kind, job_id) DO UPDATE SET due_at = excluded.due_at
"""

WAIT_NO_MORE: Final = "DELETE FROM work WHERE kind = $1 AND job_id = ANY($2::uuid[])"

# Plain digests, which do not leave the process that makes keyed ones of them.
PLAIN_DIGESTS: Final = """
    SELECT j.id, j.team_id, sha256(convert_to(i.prompt, 'UTF8')) AS prompt,
        sha256(convert_to(i.input, 'UTF8')) AS input, sha256(r.body) AS result
    FROM jobs j
    LEFT JOIN job_inputs i ON i.job_id = j.id
    LEFT JOIN job_results r ON r.job_id = COALESCE(j.source_job_id, j.id)
    WHERE j.id = ANY($1::uuid[])
"""

KEEP_DIGESTS: Final = """
    INSERT INTO payload_digests (team_id, job_id, prompt, input, result)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[], $5::bytea[])
    ON CONFLICT (team_id, job_id) DO NOTHING
"""

# With the input and the result goes every word beside them that may have come from either. What an operator
# wrote about a job's cost stays.
PURGE_PAYLOADS: Final = """
    WITH inputs AS (
        DELETE FROM job_inputs WHERE job_id = ANY($1::uuid[])
    ), results AS (
        DELETE FROM job_results WHERE job_id = ANY($1)
    ), files AS (
        DELETE FROM job_uploads WHERE job_id = ANY($1)
    ), notes AS (
        UPDATE job_events SET note = NULL WHERE job_id = ANY($1) AND note IS NOT NULL
    ), entries AS (
        UPDATE ledger SET note = NULL
        WHERE job_id = ANY($1) AND kind NOT IN ('adjust', 'resubmit') AND note IS NOT NULL
    )
    UPDATE jobs SET purged_at = now(), logs = NULL, metrics = NULL, error = NULL WHERE id = ANY($1)
"""

# What the jobs were together is noted in the same statement, so there is no moment in which it is nowhere.
PURGE_JOBS: Final = """
    WITH gone AS (
        DELETE FROM jobs WHERE id = ANY($1::uuid[]) RETURNING *
    ), inputs AS (
        DELETE FROM job_inputs WHERE job_id = ANY($1)
    ), results AS (
        DELETE FROM job_results WHERE job_id = ANY($1)
    ), events AS (
        DELETE FROM job_events WHERE job_id = ANY($1)
    ), files AS (
        DELETE FROM job_uploads WHERE job_id = ANY($1)
    ), tries AS (
        DELETE FROM delivery_attempts WHERE job_id = ANY($1)
    ), webhooks AS (
        DELETE FROM deliveries WHERE job_id = ANY($1)
    ), digests AS (
        DELETE FROM payload_digests d USING gone WHERE d.team_id = gone.team_id AND d.job_id = gone.id
    ), waiting AS (
        DELETE FROM work WHERE kind = 'purge payload' AND job_id = ANY($1)
    ), notes AS (
        UPDATE ledger SET note = NULL
        WHERE job_id = ANY($1) AND kind NOT IN ('adjust', 'resubmit') AND note IS NOT NULL
    )
    INSERT INTO usage_purged AS u (team_id, day, key_id, model, end_user,
        jobs, succeeded, failed, images, cost_micros, saved_micros, unpriced, images_made)
    SELECT j.team_id, (j.created_at AT TIME ZONE 'UTC')::date, j.key_id, j.model, COALESCE(j.end_user, ''),
        count(*), count(*) FILTER (WHERE j.state = 'succeeded'),
        count(*) FILTER (WHERE j.state IN ('failed', 'expired', 'lost')), COALESCE(sum(j.images), 0),
        COALESCE(sum(j.cost_micros), 0), COALESCE(sum(j.saved_micros), 0),
        count(*) FILTER (WHERE j.cost_micros IS NULL),
        COALESCE(sum(j.images) FILTER (WHERE j.source_job_id IS NULL), 0)
    FROM gone j WHERE j.images_asked IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (team_id, day, key_id, model, end_user) DO UPDATE SET
        jobs = u.jobs + excluded.jobs,
        succeeded = u.succeeded + excluded.succeeded,
        failed = u.failed + excluded.failed,
        images = u.images + excluded.images,
        cost_micros = u.cost_micros + excluded.cost_micros,
        saved_micros = u.saved_micros + excluded.saved_micros,
        unpriced = u.unpriced + excluded.unpriced,
        images_made = u.images_made + excluded.images_made
"""

# Digests stand in place of payloads and go with them; a team that keeps nothing has none.
PURGE_DIGESTS: Final = f"""
    WITH old AS (
        SELECT d.team_id, d.job_id FROM teams t
        CROSS JOIN LATERAL (
            SELECT CASE WHEN t.privacy = 'none' THEN {_LAST_ID}
                ELSE {_id_at("now() - make_interval(days => COALESCE(t.payload_days, $1::int))")} END AS id
        ) AS cut
        CROSS JOIN LATERAL (
            SELECT p.team_id, p.job_id FROM payload_digests p
            WHERE p.team_id = t.id AND p.job_id < cut.id
            ORDER BY p.job_id LIMIT {DIGESTS_AT_ONCE} FOR UPDATE SKIP LOCKED
        ) AS d
        LIMIT {DIGESTS_AT_ONCE}
    ), gone AS (
        DELETE FROM payload_digests d USING old WHERE d.team_id = old.team_id AND d.job_id = old.job_id
        RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""  # noqa: S608 # all parts are constants

# The job is locked as well: whoever asks for the webhook again holds that.
PURGE_DELIVERIES: Final = f"""
    WITH old AS (
        SELECT d.job_id FROM deliveries d JOIN jobs j ON j.id = d.job_id
        WHERE d.job_id < {_id_at("now() - make_interval(days => $1::int)")} AND d.state <> 'pending'
            AND d.created_at < now() - make_interval(days => $1::int)
        ORDER BY d.job_id LIMIT {DELIVERIES_AT_ONCE} FOR UPDATE OF j, d SKIP LOCKED
    ), tries AS (
        DELETE FROM delivery_attempts a USING old WHERE a.job_id = old.job_id
    ), gone AS (
        DELETE FROM deliveries d USING old WHERE d.job_id = old.job_id RETURNING 1
    )
    SELECT count(*) AS number FROM gone
"""  # noqa: S608 # all parts are constants

FIND_PROMPT: Final = """
    SELECT d.job_id AS id, j.created_at, j.model, j.state, k.name AS key, j.end_user
    FROM payload_digests d JOIN jobs j ON j.id = d.job_id LEFT JOIN api_keys k ON k.id = j.key_id
    WHERE d.team_id = $1 AND d.prompt = $2 ORDER BY d.job_id DESC LIMIT 100
"""
