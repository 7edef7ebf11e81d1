"""Use case: everything that is recorded of one job, for those who want to know how it went."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from app.audit.job_filters import Sight
from app.audit.kept_images import kept_beside
from app.audit.report_repository import ALL_OF_IT, Carried, ReportRepository
from app.audit.shown_job import NOTHING_KEPT, shown_entry, shown_job
from app.jobs.context import JobContext
from app.jobs.deliveries import deliveries_of
from app.jobs.job import JobEvent
from app.jobs.read import not_found, parse_id
from app.jobs.states import JobState
from app.storage.postgres import Row
from app.webhooks.repository import WebhookRepository

OPERATORS_ENTRIES: Final = frozenset({"adjust", "resubmit"})


async def describe_job(
    context: JobContext,
    reports: ReportRepository,
    webhooks: WebhookRepository,
    sight: Sight,
    job_id: str,
    *,
    most: Carried = ALL_OF_IT,
) -> dict[str, Any]:
    """The job as a listing shows it, with its timeline, its ledger, its hand-overs and its webhook.

    An input that is larger than asked for is null, and then `input_bytes` tells how large it is; of such an
    answer `image_count` tells how many pictures it has.

    Raises:
        NotFound: there is no such job, or it is not for these eyes to see.
        StorageUnavailable: the database does not answer.
    """
    parsed = parse_id(job_id)
    row = None if parsed is None else await reports.job(parsed, most)
    if parsed is None or row is None or not sight.covers(row["team_id"], row["token_id"]):
        raise not_found()
    events = await context.repository.events(parsed)
    entries = await reports.ledger_of(row["team_id"], parsed)
    kept = await kept_beside(reports.vault, [row])
    if not row["is_whole"]:
        # What the purge takes from beside a payload is told no longer than the payload.
        events = [replace(event, note=None) for event in events]
        entries = [_without_note(entry) for entry in entries]
    return (
        shown_job(row, kept.get(parsed, NOTHING_KEPT))
        | _left_out(row)
        | {
            "timeline": _timeline(events),
            "ledger": [shown_entry(entry) for entry in entries],
            "attempts": attempts_in(events),
            "deliveries": await deliveries_of(webhooks, row["team_id"], parsed),
        }
    )


def attempts_in(events: Sequence[JobEvent]) -> list[dict[str, Any]]:
    """Each time the job was handed over, and what came of it; `outcome` is null while that is open. Pure."""
    attempts: list[dict[str, Any]] = []
    for event in events:
        if event.after == JobState.SUBMITTING:
            attempts.append({"at": event.at, "outcome": None, "note": None})
        elif event.before == JobState.SUBMITTING:
            attempts[-1] |= {"outcome": event.after, "note": event.note}
    return attempts


def _left_out(row: Row) -> dict[str, Any]:
    """What is told in place of what was too large."""
    told = {}
    if row["input"] is None and row["input_bytes"]:
        told["input_bytes"] = row["input_bytes"]
    if row["body"] is None and row["answer_bytes"]:
        told["image_count"] = row["image_count"]
    return told


def _without_note(entry: Row) -> Row:
    """An entry without the upstream's words; what an operator wrote about the cost stays."""
    return entry if entry["kind"] in OPERATORS_ENTRIES else {**entry, "note": None}


def _timeline(events: Sequence[JobEvent]) -> list[dict[str, Any]]:
    return [{"at": event.at, "from": event.before, "to": event.after, "note": event.note} for event in events]
