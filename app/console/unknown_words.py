"""What an operator can still do about a job that is or was unknown, and why not the rest. Pure."""

from collections.abc import Mapping
from typing import Any, Final

UNKNOWN: Final = "unknown"
LOST: Final = "lost"
TOLD: Final = "The upstream has told that it has this job; it is being looked at by itself."


def choices_of(job: Mapping[str, Any]) -> dict[str, str | None]:
    """For each choice why it cannot be made; None where it can."""
    return {"bind": _why_not_bound(job), "settle": _why_not_settled(job), "resubmit": _why_not_sent(job)}


def _why_not_bound(job: Mapping[str, Any]) -> str | None:
    if job["state"] == UNKNOWN:
        return TOLD if job["told_at"] else None
    if job["state"] == LOST:
        return "Its caller was told that it has ended, and ended jobs never change. Settle what it cost."
    return f"The upstream's answer is known by now: the job is {job['state']}."


def _why_not_settled(job: Mapping[str, Any]) -> str | None:
    if job["settled_at"] is not None:
        return "What it cost is settled already, once and for all."
    if job["state"] == UNKNOWN:
        return TOLD if job["told_at"] else None
    if job["state"] == LOST:
        return None
    if job["resubmitted_at"] is None:
        return "It was heard of after all, and is charged as every other job."
    return None if job["completed_at"] is not None else "It was sent again; settle it when it has ended."


def _why_not_sent(job: Mapping[str, Any]) -> str | None:
    if job["resubmitted_at"] is not None:
        return "It was sent again before; a third time is not possible."
    if job["state"] == LOST:
        return "Its caller was told that it has ended; send a new job for it."
    if job["state"] != UNKNOWN:
        return f"The upstream's answer is known by now: the job is {job['state']}."
    if job["told_at"] is not None:
        return TOLD
    if job["cancel_requested_at"] is not None:
        return "Its caller has cancelled it."
    if not job["has_input"]:
        return "What it asked for is not stored any more."
    return None if job["is_let_in"] else "Its key, or its team, is revoked or expired."
