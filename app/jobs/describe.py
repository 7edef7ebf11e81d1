"""Use case: everything that is recorded of one job, for those who want to know how it went."""

from collections.abc import Sequence
from typing import Any

import orjson

from app.callers.caller import Caller
from app.jobs.context import JobContext
from app.jobs.job import JobEvent
from app.jobs.read import not_found, parse_id
from app.jobs.states import JobState
from app.storage.postgres import Row

IMAGE_FIELDS = ("url", "width", "height", "content_type")


async def describe_job(context: JobContext, caller: Caller, job_id: str) -> dict[str, Any]:
    """The job in the words of the contract, with its timeline and its attempts to hand it over.

    Raises:
        NotFound: there is no such job, or it is another team's.
        StorageUnavailable: the database does not answer.
    """
    parsed = parse_id(job_id)
    row = None if parsed is None else await context.repository.description(parsed)
    if parsed is None or row is None or row["team_id"] != caller.team_id:
        raise not_found()
    events = await context.repository.events(parsed)
    return _described(row) | {"timeline": _timeline(events), "attempts": attempts_in(events)}


def attempts_in(events: Sequence[JobEvent]) -> list[dict[str, Any]]:
    """Each time the job was handed over, and what came of it; `outcome` is null while that is open. Pure."""
    attempts: list[dict[str, Any]] = []
    for event in events:
        if event.after == JobState.SUBMITTING:
            attempts.append({"at": event.at, "outcome": None, "note": None})
        elif event.before == JobState.SUBMITTING:
            attempts[-1] |= {"outcome": event.after, "note": event.note}
    return attempts


def _timeline(events: Sequence[JobEvent]) -> list[dict[str, Any]]:
    return [{"at": event.at, "from": event.before, "to": event.after, "note": event.note} for event in events]


def _described(row: Row) -> dict[str, Any]:
    made = _made(row["body"]) if row["state"] == JobState.SUCCEEDED else {}
    images = made.get("images")
    told = ("created_at", "submitted_at", "started_at", "completed_at", "error", "error_type")
    return {
        "id": str(row["id"]),
        "state": row["state"],
        "model": row["model"],
        "team": row["team"],
        "key": row["key"],
        "prompt": row["prompt"],
        "input": orjson.Fragment(row["input"]),
        **{name: row[name] for name in told},
        "images": [_image(image) for image in images] if isinstance(images, list) else [],
        "seed": made.get("seed"),
    }


def _made(body: bytes) -> dict[str, Any]:
    """A model's answer as far as it is JSON; what it is not, its caller gets to the byte elsewhere."""
    try:
        made = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return made if isinstance(made, dict) else {}


def _image(image: object) -> dict[str, Any]:
    return {name: image.get(name) if isinstance(image, dict) else None for name in IMAGE_FIELDS}
