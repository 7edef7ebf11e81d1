from typing import Any

import pytest

from app.console.change_words import LONGEST, Difference, differences_of, page_of_subject, shown_change
from app.console.words import NOTHING


def test_only_what_differs_is_told() -> None:
    before = {"name": "a", "models": ["x"], "keeps_images": False, "expires_at": None, "job_days": 5}
    after = {
        "name": "a",
        "models": ["x", "y"],
        "keeps_images": True,
        "expires_at": "2030-01-01",
        "job_days": 5,
    }
    assert differences_of(before, after) == [
        Difference("models", "x", "x, y"),
        Difference("keeps_images", "no", "yes"),
        Difference("expires_at", NOTHING, "2030-01-01"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "differences"),
    [
        (None, {"name": "a", "models": None}, [Difference("name", None, "a")]),
        ({"name": "a"}, None, [Difference("name", "a", None)]),
        ({"a": 1}, {"b": 2}, [Difference("b", NOTHING, "2"), Difference("a", "1", NOTHING)]),
        (None, None, []),
        ("not json", {"a": 1}, [Difference("value", "not json", '{"a":1}')]),
        ([1], [1], []),
        ({"rules": [{"a": 1}]}, {"rules": []}, [Difference("rules", '[{"a":1}]', "")]),
    ],
)
def test_whatever_the_trail_holds_is_shown(before: Any, after: Any, differences: list[Difference]) -> None:
    assert differences_of(before, after) == differences


def test_what_is_long_is_cut() -> None:
    [one] = differences_of({"note": None}, {"note": "x" * 1000})
    assert one.after == "x" * LONGEST + "…"


@pytest.mark.parametrize(
    ("action", "page"),
    [
        ("team.change", "/console/teams/7"),
        ("key.rotate", "/console/keys/7"),
        ("job.bind", "/console/jobs/7"),
        ("prices.load", None),
    ],
)
def test_what_was_changed_is_linked(action: str, page: str | None) -> None:
    assert page_of_subject(action, "7") == page


def test_a_row_keeps_all_of_it() -> None:
    row = {"action": "team.change", "subject_id": "7", "before": {"name": "a"}, "after": {"name": "<b>"}}
    shown = shown_change(row)
    assert '"name": "<b>"' in shown["whole"]
    assert shown["differences"] == [Difference("name", "a", "<b>")]
