from datetime import date
from uuid import UUID

import pytest

from app.audit.usage_report import GROUPS, columns_of, parse_groups, shown_lines, totals_of

ROW = {
    "team": "a team",
    "team_id": str(UUID(int=1)),
    "key": "a key",
    "key_id": str(UUID(int=2)),
    "model": "fal-ai/flux-1/dev",
    "day": date(2026, 3, 1),
    "end_user": "",
    "jobs": 3,
    "succeeded": 2,
    "failed": 1,
    "images": 5,
    "cost_micros": 75_000,
    "saved_micros": 1,
    "unpriced": 0,
}


@pytest.mark.parametrize("text", ["day", "team,key,model,day,end_user", "end_user,day"])
def test_groups_are_taken_in_the_order_given(text: str) -> None:
    assert parse_groups(text) == tuple(text.split(","))


@pytest.mark.parametrize(
    "text", ["", ",", "day,", "day,day", "day, model", "Day", "colour", "day;model", "team_id"]
)
def test_other_groups_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        parse_groups(text)


def test_a_line_holds_its_columns_in_order() -> None:
    [line] = shown_lines([ROW], GROUPS)
    assert list(line) == columns_of(GROUPS)
    assert (line["team_id"], line["key"], line["day"]) == (str(UUID(int=1)), "a key", date(2026, 3, 1))
    assert (line["cost_usd"], line["saved_usd"], line["end_user"]) == ("0.075000", "0.000001", None)


def test_totals_add_integers() -> None:
    rows = [{**ROW, "cost_micros": 100_000}, {**ROW, "cost_micros": 200_000}, {**ROW, "cost_micros": 10**15}]
    assert totals_of(rows) == {
        "jobs": 9,
        "succeeded": 6,
        "failed": 3,
        "images": 15,
        "cost_usd": "1000000000.300000",
        "saved_usd": "0.000003",
        "unpriced": 0,
    }


def test_totals_of_nothing_are_nothing() -> None:
    assert totals_of([])["cost_usd"] == "0.000000"
