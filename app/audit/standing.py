"""Use case: what a credential may do, what it has spent, and what it has left."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from app.audit.report_repository import ReportRepository
from app.billing.money import usd, usd_or_none
from app.callers.caller import Caller
from app.storage.postgres import Row


async def describe_caller(
    reports: ReportRepository, caller: Caller, *, listed_models: Sequence[str]
) -> dict[str, Any]:
    """The credential's own view of itself; `listed_models` are the ids in the catalogue.

    A browser token is in the hands of strangers: it is told its own limits, and of those behind it only how
    much is left.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    own = {"key": caller.key_id, "team": caller.team_id}
    if caller.token_id is not None:
        own = {"token": caller.token_id}
    standing = await reports.standing([caller.key_id, caller.team_id, *own.values()])
    limits = {
        scope: _limits(standing[scope_id], _rate_of(caller, scope_id))
        for scope, scope_id in own.items()
        if scope_id in standing
    }
    return {
        "kind": "key" if caller.token_id is None else "token",
        "id": str(caller.token_id or caller.key_id),
        "name": caller.key_name,
        "team": caller.team_name,
        "end_user": caller.end_user,
        "models": allowed_models(caller.models, listed_models),
        "limits": limits,
        "left_usd": usd_or_none(least_left([_left_micros(row) for row in standing.values()])),
    }


def allowed_models(lists: Sequence[Sequence[str]], listed: Sequence[str]) -> list[str] | None:
    """One list of globs in place of several that must all allow; None when there is none. Pure.

    A glob stays when every list has one that covers it. Where two only overlap, the listed models in both of
    them are named.
    """
    if not lists:
        return None
    kept = [glob for globs in lists for glob in globs if all(_covers(other, glob) for other in lists)]
    named = [model for model in listed if all(_covers(globs, model) for globs in lists)]
    rest = [model for model in named if not _covers(kept, model)]
    return list(dict.fromkeys([*kept, *rest]))


def least_left(left_micros: Sequence[int | None]) -> int | None:
    """The lowest of what is left of several budgets, of which None is no limit. Pure."""
    return min((left for left in left_micros if left is not None), default=None)


def _covers(globs: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


def _rate_of(caller: Caller, scope_id: UUID) -> int | None:
    return next((rate.per_minute for rate in caller.rates if rate.scope_id == scope_id), None)


def _left_micros(row: Row) -> int | None:
    """Never below nothing: a job may cost more than was reserved for it."""
    if row["budget_micros"] is None:
        return None
    left: int = row["budget_micros"] - row["spent_micros"] - row["reserved_micros"]
    return max(left, 0)


def _limits(row: Row, requests_per_minute: int | None) -> dict[str, Any]:
    return {
        "requests_per_minute": requests_per_minute,
        "max_in_flight": row["max_in_flight"],
        "in_flight": row["in_flight"],
        "max_images": row["max_images"],
        "images": row["images"],
        "budget": {
            "limit_usd": usd_or_none(row["budget_micros"]),
            "period": row["budget_period"],
            "spent_usd": usd(row["spent_micros"]),
            "reserved_usd": usd(row["reserved_micros"]),
            "left_usd": usd_or_none(_left_micros(row)),
            "resets_at": row["resets_at"],
        },
    }
