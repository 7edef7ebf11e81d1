from datetime import UTC, datetime
from typing import Any

import pytest

from app.console.account_forms import (
    TEAM_FIELDS,
    asked_for,
    changed,
    form_of,
    problems_by_field,
    typed_in,
)

TEAM: dict[str, Any] = {
    "name": "painters <b>",
    "requests_per_minute": 60,
    "max_in_flight": None,
    "budget_usd": "25.000000",
    "budget_period": "month",
    "models": ["fal-ai/flux-1/*", "fal-ai/flux-pro"],
    "expires_at": datetime(2030, 1, 31, 12, 30, 45, tzinfo=UTC),
    "privacy": "full",
    "payload_days": 30,
    "job_days": None,
    "image_days": None,
    "keeps_images": True,
    "rewrites_urls": False,
}


def test_a_form_that_was_not_touched_changes_nothing() -> None:
    form = form_of(TEAM, TEAM_FIELDS)
    sent = {name: [value.replace("\n", "\r\n")] for name, value in form.values.items() if value}
    assert changed(typed_in(sent, TEAM_FIELDS), form.drawn) == {}


def test_only_what_was_typed_anew_is_asked_for() -> None:
    form = form_of(TEAM, TEAM_FIELDS)
    sent = {name: [value] for name, value in form.values.items() if value}
    del sent["requests_per_minute"], sent["keeps_images"]
    sent |= {"max_in_flight": [" 5 "], "rewrites_urls": ["yes"], "expires_at": ["2031-01-01T00:00"]}
    assert asked_for(changed(typed_in(sent, TEAM_FIELDS), form.drawn)) == {
        "requests_per_minute": None,
        "max_in_flight": 5,
        "keeps_images": False,
        "rewrites_urls": True,
        "expires_at": "2031-01-01T00:00:00Z",
    }


@pytest.mark.parametrize("drawn", ["", "{", "[]", "null", "5"])
def test_without_what_it_was_drawn_with_all_is_asked_for(drawn: str) -> None:
    assert changed({"name": "x", "models": ""}, drawn) == {"name": "x", "models": ""}


@pytest.mark.parametrize(
    ("name", "text", "meant"),
    [
        ("name", "", ""),
        ("team", "", ""),
        ("name", "12", "12"),
        ("max_in_flight", "", None),
        ("max_in_flight", "012", 12),
        ("max_in_flight", "1.5", "1.5"),
        ("max_in_flight", "-1", "-1"),
        ("max_in_flight", "٣", "٣"),
        ("max_in_flight", "9" * 13, "9" * 13),
        ("budget_usd", "25", "25"),
        ("models", "a\n\n b \n", ["a", "b"]),
        ("models", "", None),
        ("expires_at", "2030-01-31", "2030-01-31"),
        ("expires_at", "2030-01-31T12:00", "2030-01-31T12:00:00Z"),
        ("expires_at", "tomorrow", "tomorrow"),
        ("keeps_images", "", False),
        ("keeps_images", "yes", True),
        ("keeps_images", "on", False),
    ],
)
def test_what_a_text_means(name: str, text: str, meant: object) -> None:
    assert asked_for({name: text}) == {name: meant}


def test_a_problem_stands_beside_its_field_once_and_tells_the_line() -> None:
    problems: list[dict[str, Any]] = [
        {"loc": ["body", "models", 1], "msg": "no model"},
        {"loc": ["body", "models", 2], "msg": "no model either"},
        {"loc": ["body", "name"], "msg": "too long"},
    ]
    assert problems_by_field(problems) == {"models": "line 2: no model", "name": "too long"}
