from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.console.account_words import standing_of, with_standing

NOW = datetime(2026, 7, 1, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=1), NOW + timedelta(days=1)
ONE: dict[str, Any] = {
    "revoked_at": None,
    "expires_at": None,
    "spent_usd": "0.000000",
    "reserved_usd": "0.000000",
    "budget_usd": None,
    "in_flight": 0,
    "max_in_flight": None,
}


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        ({}, "active"),
        ({"expires_at": AFTER}, "active"),
        ({"expires_at": NOW}, "expired"),
        ({"revoked_at": BEFORE, "expires_at": BEFORE}, "revoked"),
        ({"team_revoked_at": BEFORE}, "revoked"),
        ({"team_expires_at": BEFORE}, "expired"),
        ({"team_expires_at": AFTER, "expires_at": AFTER}, "active"),
    ],
)
def test_how_it_stands(facts: dict[str, Any], word: str) -> None:
    assert standing_of(ONE | facts, NOW) == word


@pytest.mark.parametrize(
    ("spent", "reserved", "budget", "bar"),
    [
        ("1", "1", None, None),
        ("1", "1", "10", {"value": "0.2000", "word": "", "percent": "20"}),
        ("7", "1", "10", {"value": "0.8000", "word": "near", "percent": "80"}),
        ("10", "2.5", "10", {"value": "1.0000", "word": "over", "percent": "125"}),
        ("0", "0", "0", {"value": "1.0000", "word": "over", "percent": "100"}),
    ],
)
def test_how_full_a_budget_is(spent: str, reserved: str, budget: str | None, bar: object) -> None:
    shown = with_standing(ONE | {"spent_usd": spent, "reserved_usd": reserved, "budget_usd": budget}, NOW)
    assert shown["budget_bar"] == bar
