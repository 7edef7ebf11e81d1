"""What the page of usage makes of a report."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.audit.period import Period
from app.audit.usage_order import Order
from app.audit.usage_report import FirstLines, UsageQuestion
from app.console.usage_chart import ALL, DAYS_AT_MOST, ROWS_AT_MOST, UsageChart, usage_chart
from app.console.usage_ranges import quick_ranges
from app.console.usage_view import LINES_SHOWN, UsageView, Wanted, usage_view

MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
TODAY = date(2026, 3, 10)


def chart_of(lines: list[dict[str, Any]], *groups: str, period: Period = MARCH) -> UsageChart:
    return usage_chart(lines, groups, period, number=len(lines), today=TODAY)


def line(cost: str, *, jobs: int = 1, **groups: Any) -> dict[str, Any]:
    return {**groups, "jobs": jobs, "cost_usd": cost, "saved_usd": "0.000000"}


@pytest.mark.parametrize(
    ("today", "ranges"),
    [
        (
            date(2026, 3, 31),
            [
                ("Today", "2026-03-31", "2026-04-01"),
                ("7 days", "2026-03-25", "2026-04-01"),
                ("30 days", "2026-03-02", "2026-04-01"),
                ("This month", "2026-03-01", "2026-04-01"),
                ("Last month", "2026-02-01", "2026-03-01"),
            ],
        ),
        (
            date(2027, 1, 1),
            [
                ("Today", "2027-01-01", "2027-01-02"),
                ("7 days", "2026-12-26", "2027-01-02"),
                ("30 days", "2026-12-03", "2027-01-02"),
                ("This month", "2027-01-01", "2027-02-01"),
                ("Last month", "2026-12-01", "2027-01-01"),
            ],
        ),
    ],
)
def test_ranges_are_whole_days(today: date, ranges: list[tuple[str, str, str]]) -> None:
    assert [(one.name, str(one.starts_on), str(one.ends_on)) for one in quick_ranges(today)] == ranges


def test_days_are_drawn_up_to_today_each_with_the_other_groups() -> None:
    lines = [
        line("1.000000", day=date(2026, 3, 1), team="a", key=None),
        line("2.000000", day=date(2026, 3, 10), team="a", key="k"),
    ]
    chart = chart_of(lines, "day", "team", "key")
    assert chart.measure == "Spend"
    assert chart.days is not None
    assert len(chart.days.columns) == 10
    assert [(entry.label, entry.words) for entry in chart.days.legend] == [
        ("a · k", "$2.00"),
        ("a · \N{EN DASH}", "$1.00"),
    ]


def test_without_other_groups_there_is_one_series() -> None:
    chart = chart_of([line("1.000000", day=TODAY)], "day")
    assert chart.days is not None
    assert [entry.label for entry in chart.days.legend] == [ALL]


def test_where_nothing_was_spent_jobs_are_drawn() -> None:
    chart = chart_of([line("0.000000", jobs=7, model="m")], "model")
    assert chart.measure == "Jobs"
    assert chart.rows is not None
    assert [(row.label, row.words) for row in chart.rows.rows] == [("m", "7")]


def test_the_largest_lines_are_drawn_and_the_others_counted() -> None:
    lines = [line(f"{number}.000000", model=f"m{number}") for number in range(1, 21)]
    chart = chart_of(lines, "model")
    assert chart.rows is not None
    assert [row.label for row in chart.rows.rows] == [
        f"m{number}" for number in range(20, 20 - ROWS_AT_MOST, -1)
    ]
    assert chart.left_out == 20 - ROWS_AT_MOST


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "days", "left_out"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC), DAYS_AT_MOST, 20157),
        (datetime(2026, 3, 9, 22, tzinfo=UTC), datetime(2026, 3, 10, 1, tzinfo=UTC), 2, 0),
        (datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC), 1, 0),
        (datetime(2027, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC), 0, 0),
    ],
)
def test_a_chart_has_a_bounded_number_of_days(
    starts_at: datetime, ends_at: datetime, days: int, left_out: int
) -> None:
    chart = chart_of([line("1.000000", day=TODAY)], "day", period=Period(starts_at, ends_at))
    assert chart.days is not None
    assert (len(chart.days.columns), chart.left_out) == (days, left_out)


def view_of(lines: list[dict[str, Any]], order: Order | None = None) -> UsageView:
    found = FirstLines(lines, 1000, line("1.252500"))
    return usage_view(found, UsageQuestion(MARCH, ("model",)), order, chart_of(lines, "model"))


def test_the_first_lines_are_shown_and_all_counted() -> None:
    view = view_of([line(f"{n}.000000", jobs=n, model=f"m{n}") for n in range(LINES_SHOWN + 1)])
    assert view.number == 1000
    assert [one["jobs"] for one in view.lines] == list(range(LINES_SHOWN))


def test_columns_say_how_the_lines_are_in_order_and_turn_it_round() -> None:
    for order, sorts in (
        (None, {"model": ("model", ""), "jobs": ("-jobs", "")}),
        (Order("jobs", is_falling=True), {"model": ("model", ""), "jobs": ("jobs", "descending")}),
        (Order("model"), {"model": ("-model", "ascending"), "jobs": ("-jobs", "")}),
    ):
        columns = view_of([line("1.000000", model="m")], order).columns
        found = {column.name: (column.sort, column.sorted_word) for column in columns}
        assert {name: found[name] for name in sorts} == sorts


def test_amounts_of_a_column_have_as_many_places_as_one_of_them_needs() -> None:
    columns = view_of([line("1.250000", model="m"), line("0.002500", model="n")]).columns
    assert {column.name: column.places for column in columns if column.places} == {
        "cost_usd": 4,
        "saved_usd": 2,
    }


def wanted(**fields: str) -> Wanted:
    return Wanted({"group_by": "", "from": "", "to": "", "sort": "", **fields})


def test_addresses_keep_what_was_asked_for() -> None:
    asked = wanted(group_by="day,team", sort="-jobs", team="a&b <c>")
    assert asked.address(from_="2026-03-01") == (
        "/console/usage?group_by=day%2Cteam&from=2026-03-01&sort=-jobs&team=a%26b+%3Cc%3E"
    )
    assert wanted().address(path="/console/usage.csv") == "/console/usage.csv"


@pytest.mark.parametrize(
    ("fields", "here"),
    [
        ({}, "This month"),
        ({"from": "2026-03-10", "to": "2026-03-11"}, "Today"),
        ({"from": "2026-03-10"}, None),
        ({"from": "2026-02-01", "to": "2026-03-01"}, "Last month"),
    ],
)
def test_the_range_one_is_at_is_marked(fields: dict[str, str], here: str | None) -> None:
    assert [name for name, _, is_here in wanted(**fields).ranges(TODAY) if is_here] == (
        [here] if here else []
    )


def test_a_team_chooses_among_what_tells_it_something() -> None:
    assert ("day,team", "day and team") in wanted().group_choices(is_admin=True)
    assert not [one for one, _ in wanted().group_choices(is_admin=False) if "team" in one]
    assert ("model,day,key", "model, day and key") in wanted(group_by="model,day,key").group_choices(
        is_admin=True
    )
