"""How a team or a key stands, as pages show it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

NEAR: Final = Decimal("0.8")


def standing_of(one: Mapping[str, Any], now: datetime) -> str:
    """Whether it lets anybody in, in one word; a key of a team that is revoked does not."""
    if one["revoked_at"] is not None or one.get("team_revoked_at") is not None:
        return "revoked"
    ends = [one["expires_at"], one.get("team_expires_at")]
    if any(end is not None and end <= now for end in ends):
        return "expired"
    return "active"


def with_standing(one: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A team or a key with its standing, and how full its budget and its places are."""
    used = Decimal(one["spent_usd"]) + Decimal(one["reserved_usd"])
    budget = None if one["budget_usd"] is None else Decimal(one["budget_usd"])
    return {
        **one,
        "standing": standing_of(one, now),
        "used_usd": used,
        "budget_bar": _bar(used, budget),
        "in_flight_bar": _bar(Decimal(one["in_flight"]), one["max_in_flight"]),
    }


def _bar(used: Decimal, most: Decimal | int | None) -> dict[str, str] | None:
    """A bar from nothing to the limit; None without one. A limit of nothing is full."""
    if most is None:
        return None
    share = used / Decimal(most) if most else Decimal(1)
    word = "over" if share >= 1 else "near" if share >= NEAR else ""
    return {"value": f"{min(share, Decimal(1)):.4f}", "word": word, "percent": f"{share * 100:.0f}"}
