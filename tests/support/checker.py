"""What has to hold whatever went wrong, read from the database, the upstream and what callers were told."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from app.billing.ledger_check import check_ledger
from tests.support.accounts import differences
from tests.support.database import Database
from tests.support.history import with_app_database
from tests.support.receiver import Received
from tests.support.simulator import Simulator

ENDED = ("succeeded", "failed", "cancelled", "expired", "lost")
NOT_KNOWN = ("unknown", "lost")

JOBS = "SELECT j.*, i.prompt FROM jobs j JOIN job_inputs i ON i.job_id = j.id"

# One reservation for each job, and one entry that closes it once it has ended.
UNBALANCED = """
    SELECT j.id, j.state, array_agg(l.kind) AS kinds FROM jobs j LEFT JOIN ledger l ON l.job_id = j.id
    GROUP BY j.id
    HAVING count(*) FILTER (WHERE l.kind = 'reserve') <> 1
        OR count(*) FILTER (WHERE l.kind IN ('charge', 'release')) <> (j.completed_at IS NOT NULL)::int
"""
OVERSPENT = "SELECT * FROM allowances WHERE reserved_micros + spent_micros > budget_micros"
UNTOLD = """
    SELECT j.id FROM jobs j LEFT JOIN deliveries d ON d.job_id = j.id
    WHERE j.webhook_url IS NOT NULL AND j.completed_at IS NOT NULL AND d.state IS DISTINCT FROM 'delivered'
"""


def is_settled(database: Database) -> bool:
    """Whether every job has ended or is known to be unknown, and every webhook was delivered."""
    states = {row["state"] for row in database.rows("SELECT DISTINCT state FROM jobs")}
    return states <= {*ENDED, "unknown"} and not database.rows(UNTOLD)


def check_history(
    database: Database,
    upstreams: Sequence[Simulator],
    answered: Mapping[str, str],
    refused: Collection[str] = (),
) -> None:
    """Fails with the first invariant that does not hold.

    Args:
        database: the truth.
        upstreams: every upstream that was there, one after the other.
        answered: the prompt of each job whose submit was answered with success; prompts are unique.
        refused: prompts of submits that were answered with words that say that nothing was sent.
    """
    jobs = {str(job["id"]): job for job in database.rows(JOBS)}
    # What was recorded too late is undone before it is sent, and frees the caller's key for a repeat.
    sent = [job for job in jobs.values() if job["state"] != "failed" or job["upstream_id"] is not None]
    by_prompt = Counter(job["prompt"] for job in sent)
    assert set(by_prompt.values()) <= {1}, "a submit made two jobs"
    lost = {job_id for job_id, prompt in answered.items() if jobs.get(job_id, {}).get("prompt") != prompt}
    assert not lost, "an answered submit has no job"
    silent = [job for job in jobs.values() if job["state"] not in (*ENDED, "unknown")]
    assert not silent, "a job neither ended nor is it unknown"

    accepted = [order for upstream in upstreams for order in upstream.inside()["accepted"]]
    times = Counter(order["body"]["prompt"] for order in accepted)
    assert set(times.values()) <= {1}, "a job was accepted twice"
    assert not times.keys() & set(refused), "a submit was sent whose caller was told that it was not"
    by_name = {job["prompt"]: job for job in [*jobs.values(), *sent]}
    unbound = {
        prompt
        for prompt, job in by_name.items()
        if job["upstream_id"] is None and job["state"] not in NOT_KNOWN
    }
    orphans = [prompt for prompt in times if prompt not in by_name or prompt in unbound]
    assert not orphans, "an acceptance belongs to no job"

    assert not database.rows(UNBALANCED), "a job was not settled exactly once"
    assert not database.rows(OVERSPENT), "a budget was passed"
    assert not differences(database), "counters differ from the ledger"
    assert not with_app_database(database, check_ledger), "costs differ from the ledger"


def check_deliveries(received: Sequence[Received], job_ids: Sequence[str]) -> None:
    """Every ended job was told of at least once, always under one id."""
    ids = Counter(request.headers["webhook-id"] for request in received)
    assert set(ids) == {f"msg_{job_id}" for job_id in job_ids}
