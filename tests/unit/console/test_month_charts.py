from datetime import date, timedelta
from typing import Any

from app.audit.overview import Month
from app.console.charts import OTHERS
from app.console.month_charts import charts_of, series_of

DAYS = [date(2026, 3, 1) + timedelta(days=place) for place in range(3)]


def row(day: int, series: str | None, name: str | None, cost: int, jobs: int = 1) -> dict[str, Any]:
    sums = {"cost_micros": cost, "jobs": jobs, "images": jobs, "saved_micros": 0}
    return {"day": DAYS[day], "series": series, "name": name, **sums}


def test_each_of_the_largest_has_a_series_and_all_others_one() -> None:
    month = Month(
        DAYS,
        [row(0, "a", "Ann", 5), row(2, "a", "Ann", 7), row(1, "b", "Ann", 3), row(2, None, None, 1)],
    )
    found = [(one.label, one.values, one.is_rest) for one in series_of(month, "cost_micros")]
    assert found == [("Ann", (5, 0, 7), False), ("Ann", (0, 3, 0), False), (OTHERS, (0, 0, 1), True)]


def test_one_whose_name_is_gone_is_told_by_its_id() -> None:
    assert [one.label for one in series_of(Month(DAYS, [row(0, "a", None, 5)]), "jobs")] == ["a"]


def test_a_series_has_the_same_colour_in_both_charts() -> None:
    month = Month(DAYS, [row(0, "a", "Ann", 3, jobs=9), row(0, "b", "Bob", 5, jobs=1)])
    drawn = charts_of(month)
    assert [entry.label for entry in drawn.spend.legend] == ["Bob", "Ann"]
    assert [entry.label for entry in drawn.spend.legend] == [entry.label for entry in drawn.jobs.legend]


def test_the_sums_are_of_all() -> None:
    month = Month(DAYS, [row(0, "a", "Ann", 2_000_000, jobs=2), row(1, None, None, 500_000, jobs=3)])
    sums = charts_of(month).sums
    assert [(one.name, one.words) for one in sums] == [
        ("Spent", "$2.50"),
        ("Jobs", "5"),
        ("Pictures", "5"),
        ("Saved by the cache", "$0.00"),
    ]
    assert sums[0].course.summary == "from $2.00 to $0.00, at most $2.00"
