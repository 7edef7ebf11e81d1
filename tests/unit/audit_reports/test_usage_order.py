from datetime import date
from typing import Any

import pytest

from app.audit.usage_order import Order, in_order, parse_order, sortable

GROUPS = ("day", "end_user")


def line(day: int, end_user: str | None, cost: str, jobs: int = 1) -> dict[str, Any]:
    return {"day": date(2026, 3, day), "end_user": end_user, "cost_usd": cost, "jobs": jobs}


LINES = [
    line(1, "b", "9.000000"),
    line(2, None, "10.000000"),
    line(3, "B", "-1.000000"),
    line(4, "a", "9.000000"),
]


@pytest.mark.parametrize(
    ("order", "days"),
    [
        ("cost_usd", [3, 1, 4, 2]),
        ("-cost_usd", [2, 1, 4, 3]),
        ("end_user", [4, 3, 1, 2]),
        ("-end_user", [1, 3, 4, 2]),
        ("-day", [4, 3, 2, 1]),
        ("jobs", [1, 2, 3, 4]),
        ("-jobs", [1, 2, 3, 4]),
    ],
)
def test_lines_are_put_in_order_by_value_and_those_without_one_come_last(order: str, days: list[int]) -> None:
    assert [one["day"].day for one in in_order(LINES, parse_order(order, GROUPS))] == days


@pytest.mark.parametrize("text", ["", "-", "--jobs", "team", "key_id", "jobs ", "JOBS", "cost_usd,jobs"])
def test_what_is_no_column_of_the_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one of day, end_user, jobs"):
        parse_order(text, GROUPS)


def test_an_order_says_itself_as_it_is_written() -> None:
    for text in ("jobs", "-cost_usd"):
        assert str(parse_order(text, GROUPS)) == text
    assert Order("jobs") == parse_order("jobs", GROUPS)


def test_nobody_sorts_by_an_id() -> None:
    assert sortable(("team", "key"))[:3] == ["team", "key", "jobs"]
