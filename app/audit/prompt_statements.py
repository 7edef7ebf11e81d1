"""The SQL of the words of prompts: which are not written down yet, writing them, and looking for them.

Whoever writes a team's ledger holds the lock of the team's allowance until the commit, so its entries become
visible in the order of their numbers: those above a watermark are a piece without gaps, whenever one looks.
"""

from collections.abc import Sequence
from uuid import UUID

from app.audit.job_filters import JobFilters, Sight
from app.audit.job_statements import asked, found, seen
from app.audit.placeholders import Placeholders
from app.callers.grace_statements import is_shown

# The newest jobs are looked through one by one: a word that is common is among them more often than a page
# holds. One that is not is rare enough for the index, which gives its jobs in no order.
NEAR_JOBS = 5_000
# Then, for a word that some of those hold: the index would give all its jobs, of all times, for a page of the
# newest ones. Words stand together in the order of their jobs, so looking through a stretch of them is cheap.
WALKED_JOBS = 50_000
# Of those whose words are not written down, so many of the newest are read, each as far as this.
UNWRITTEN_JOBS = 1_000
UNWRITTEN_CHARACTERS = 2_000

# Teams that do not want their prompts kept are left out: an index forgets a word long after the row.
BEGIN_TEAMS = """
    INSERT INTO prompt_watermarks (team_id, ledger_id)
    SELECT t.id, 0 FROM teams t
    WHERE t.privacy = 'full' AND NOT EXISTS (SELECT FROM prompt_watermarks w WHERE w.team_id = t.id)
    ORDER BY t.id
    ON CONFLICT (team_id) DO NOTHING
"""

# Every job has an entry when it is recorded.
NEWS = """
    WITH fresh AS MATERIALIZED (
        SELECT w.team_id, w.ledger_id FROM prompt_watermarks w
        JOIN teams t ON t.id = w.team_id AND t.privacy = 'full'
        CROSS JOIN LATERAL (
            SELECT l.id FROM ledger l WHERE l.team_id = w.team_id ORDER BY l.id DESC LIMIT 1
        ) AS newest
        WHERE newest.id > w.ledger_id ORDER BY random() LIMIT $1
    )
    SELECT fresh.team_id, entry.id AS ledger_id, entry.job_id, j.key_id, j.model, i.prompt
    FROM fresh
    CROSS JOIN LATERAL (
        SELECT l.id, l.job_id, l.kind FROM ledger l
        WHERE l.team_id = fresh.team_id AND l.id > fresh.ledger_id ORDER BY l.id LIMIT $2
    ) AS entry
    LEFT JOIN LATERAL (
        SELECT key_id, model FROM jobs WHERE id = entry.job_id AND entry.kind = 'reserve' LIMIT 1
    ) AS j ON true
    LEFT JOIN LATERAL (
        SELECT left(prompt, $3) AS prompt FROM job_inputs
        WHERE job_id = entry.job_id AND entry.kind = 'reserve' LIMIT 1
    ) AS i ON true
"""

# Twice is once, so nobody holds a lock while the words are made. A prompt that goes away meanwhile takes its
# words with it; what somebody else has written down further stays so. The watermarks are locked first, in the
# order of their teams, so that two who do this cannot wait for each other.
WRITE = """
    WITH done AS (
        SELECT * FROM unnest($3::uuid[], $4::bigint[]) AS done (team_id, ledger_id)
    ), held AS MATERIALIZED (
        SELECT w.team_id FROM prompt_watermarks w JOIN done USING (team_id)
        ORDER BY w.team_id FOR UPDATE OF w
    ), written AS (
        INSERT INTO prompt_words (job_id, words)
        SELECT news.job_id, news.words::tsvector
        FROM unnest($1::uuid[], $2::text[]) AS news (job_id, words)
        JOIN job_inputs i ON i.job_id = news.job_id
        WHERE (SELECT count(*) FROM held) > 0
        ORDER BY news.job_id
        FOR KEY SHARE OF i
        ON CONFLICT (job_id) DO NOTHING
    )
    UPDATE prompt_watermarks w SET ledger_id = GREATEST(w.ledger_id, done.ledger_id)
    FROM done JOIN held USING (team_id)
    WHERE w.team_id = done.team_id
"""

KEYS_CALLED = """
    SELECT id FROM api_keys
    WHERE (name = $1 OR id::text = $1) AND ($2::uuid IS NULL OR team_id = $2)
"""

# What is not written down yet is looked through as it stands, each prompt brought into small letters once.
_FITS = """
    CASE WHEN near.words IS NOT NULL THEN near.words @@ {query}::tsquery
        ELSE unwritten.prompt IS NOT NULL AND NOT EXISTS (
            SELECT FROM unnest({words}::text[]) AS word WHERE strpos(unwritten.prompt, word) = 0
        ) END
"""


def near(
    sight: Sight,
    filters: JobFilters,
    query: str,
    *,
    before: UUID | None,
    limit: int,
    grace_seconds: float,
) -> tuple[str, Sequence[object]]:
    """The newest that fit, among so many jobs below the id `before`."""
    placeholders = Placeholders()
    source = _newest(placeholders, sight, filters, before)
    shown = is_shown("newest", "t", placeholders.add(grace_seconds))
    fits = _FITS.format(query=placeholders.add(query), words=placeholders.add(list(filters.words)))
    statement = f"""
        SELECT near.id FROM (
            SELECT newest.id, w.words, count(*) FILTER (WHERE w.words IS NULL)
                OVER (ORDER BY newest.id DESC ROWS UNBOUNDED PRECEDING) AS unwritten_so_far
            FROM (
                SELECT id, team_id, completed_at, purged_at FROM ({source}) AS found
                ORDER BY id DESC LIMIT {NEAR_JOBS}
            ) AS newest
            JOIN teams t ON t.id = newest.team_id
            LEFT JOIN LATERAL (SELECT words FROM prompt_words WHERE job_id = newest.id LIMIT 1) AS w ON true
            WHERE newest.purged_at IS NULL AND {shown}
        ) AS near
        LEFT JOIN LATERAL (
            SELECT lower(left(i.prompt, {UNWRITTEN_CHARACTERS})) AS prompt FROM job_inputs i
            WHERE i.job_id = near.id AND near.words IS NULL AND near.unwritten_so_far <= {UNWRITTEN_JOBS}
            LIMIT 1
        ) AS unwritten ON true
        WHERE {fits}
        ORDER BY near.id DESC LIMIT {placeholders.add(limit)}
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def end_of_near(sight: Sight, filters: JobFilters, *, before: UUID | None) -> tuple[str, Sequence[object]]:
    """The last of those that `near` looks through; no row when there are not as many."""
    placeholders = Placeholders()
    source = _newest(placeholders, sight, filters, before)
    statement = f"SELECT id FROM ({source}) AS found ORDER BY id DESC OFFSET {NEAR_JOBS - 1} LIMIT 1"  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def is_worth_a_walk(found: int, limit: int) -> bool:
    """Whether a stretch of words will fill a page, if the word is as common there as among the newest."""
    return found * WALKED_JOBS >= (limit - found) * NEAR_JOBS


def end_of_walk(before: UUID) -> tuple[str, Sequence[object]]:
    """The last of those that are looked through below the id `before`; no row when there are not as many."""
    statement = f"""
        SELECT job_id AS id FROM prompt_words WHERE job_id < $1
        ORDER BY job_id DESC OFFSET {WALKED_JOBS - 1} LIMIT 1
    """  # noqa: S608 # a number of ours
    return statement, [before]


def far(
    sight: Sight,
    filters: JobFilters,
    query: str,
    *,
    before: UUID,
    limit: int,
    grace_seconds: float,
    is_walk: bool = False,
) -> tuple[str, Sequence[object]]:
    """The newest that fit below the id `before`: by the index of words, or by a walk along a stretch."""
    placeholders = Placeholders()
    conditions = [*seen(placeholders, sight), *asked(placeholders, filters)]
    if filters.key is not None:
        name = placeholders.add(filters.key)
        conditions.append(f"j.key_id IN (SELECT id FROM api_keys WHERE name = {name} OR id::text = {name})")  # noqa: S608 # placeholders only
    conditions.append(is_shown("j", "t", placeholders.add(grace_seconds)))
    where = "".join(f" AND {condition}" for condition in conditions)
    below = f"job_id < {placeholders.add(before)}"
    stretch = f"WHERE {below} ORDER BY job_id DESC LIMIT {WALKED_JOBS}" if is_walk else f"WHERE {below}"
    statement = f"""
        SELECT hit.job_id AS id FROM (
            SELECT job_id FROM (SELECT job_id, words FROM prompt_words {stretch}) AS behind
            WHERE words @@ {placeholders.add(query)}::tsquery ORDER BY job_id DESC
        ) AS hit
        CROSS JOIN LATERAL (
            SELECT 1 FROM jobs j JOIN teams t ON t.id = j.team_id WHERE j.id = hit.job_id{where} LIMIT 1
        ) AS fits
        ORDER BY hit.job_id DESC LIMIT {placeholders.add(limit)}
    """  # noqa: S608 # columns of ours and placeholders
    return statement, placeholders.values


def _newest(placeholders: Placeholders, sight: Sight, filters: JobFilters, before: UUID | None) -> str:
    conditions = [*seen(placeholders, sight), *asked(placeholders, filters)]
    if before is not None:
        conditions.append(f"j.id < {placeholders.add(before)}")
    return found(placeholders, sight, filters, conditions, most=NEAR_JOBS)
