"""How teams and keys are shown to operators, and what of them stands in the audit trail. Pure."""

from typing import Any, Final

from app.billing.allowance_repository import AllowanceLimits
from app.billing.money import usd, usd_or_none
from app.callers.limits import AccessLimits
from app.callers.policy import Policy, Privacy
from app.errors import InvalidInput
from app.storage.postgres import Row

# What is kept of a team's jobs.
KEPT: Final = ("privacy", "payload_days", "job_days", "image_days", "keeps_images", "rewrites_urls")
# What can be changed, in the words of the tables; the trail keeps it before and after.
RECORDED: Final = (
    "name",
    "team",
    "expires_at",
    "revoked_at",
    "requests_per_minute",
    "max_in_flight",
    "budget_period",
    "models",
    *KEPT,
)
_SHOWN: Final = (
    "id",
    "name",
    "team",
    "team_id",
    "team_revoked_at",
    "team_expires_at",
    "hint",
    "previous_expires_at",
    "created_at",
    *RECORDED[2:],
)


def shown(row: Row) -> dict[str, Any]:
    """A team or a key with its limits and what is used of them; `left_usd` is null without a budget."""
    budget, used = row["budget_micros"], row["spent_micros"] + row["reserved_micros"]
    return {name: row[name] for name in _SHOWN if name in row} | {
        "budget_usd": usd_or_none(budget),
        "spent_usd": usd(row["spent_micros"]),
        "reserved_usd": usd(row["reserved_micros"]),
        "left_usd": None if budget is None else usd(max(budget - used, 0)),
        "window_resets_at": row["window_resets_at"],
        "in_flight": row["in_flight"],
    }


def recorded(row: Row) -> dict[str, Any]:
    """What the audit trail keeps of a team or a key: what an operator decided, and no secret."""
    kept = {name: row[name] for name in RECORDED if name in row}
    return kept | {"budget_usd": usd_or_none(row["budget_micros"])}


def access_limits(values: Row) -> AccessLimits:
    """The limits of who may call, out of all."""
    return AccessLimits(values["requests_per_minute"], values["models"], values["expires_at"])


def allowance_limits(values: Row) -> AllowanceLimits:
    """The limits of what may be used, out of all."""
    return AllowanceLimits(values["budget_micros"], values["budget_period"], values["max_in_flight"])


def policy(values: Row) -> Policy:
    """What is kept of a team's jobs, out of all.

    Raises:
        InvalidInput: two of the fields do not go together.
    """
    kept = Policy(**{name: values[name] for name in KEPT} | {"privacy": Privacy(values["privacy"])})
    fault = kept.fault()
    if fault is not None:
        field, reason = fault
        raise InvalidInput(
            [{"loc": ["body", field], "msg": reason, "type": "value_error", "input": values[field]}]
        )
    return kept
