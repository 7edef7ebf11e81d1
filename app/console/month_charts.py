"""The charts of the overview: spend and jobs of thirty days by team, key or model. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from app.audit.overview import Month
from app.console.chart_scale import axis_money
from app.console.charts import OTHERS, Series, Spark, StackedBars, Words, sparkline, stacked_days
from app.console.overview_words import money_words
from app.console.words import count_words
from app.storage.postgres import Row


@dataclass(frozen=True, slots=True)
class Sum:
    """One number for all of the thirty days, and its course."""

    name: str
    words: str
    course: Spark


@dataclass(frozen=True, slots=True)
class MonthCharts:
    """What is drawn of a month."""

    sums: tuple[Sum, ...]
    spend: StackedBars
    jobs: StackedBars


def charts_of(month: Month) -> MonthCharts:
    """The charts, each with the same series in the same colours."""
    return MonthCharts(
        sums=(
            _sum(month, "Spent", "cost_micros", money_words),
            _sum(month, "Jobs", "jobs", count_words),
            _sum(month, "Pictures", "images", count_words),
            _sum(month, "Saved by the cache", "saved_micros", money_words),
        ),
        spend=stacked_days(month.days, series_of(month, "cost_micros"), money_words, axis=axis_money),
        jobs=stacked_days(month.days, series_of(month, "jobs"), count_words),
    )


def series_of(month: Month, column: str) -> list[Series]:
    """One series for each of the largest, those with the highest spend first, and one for all others."""
    grouped = [
        (series, list(rows))
        for series, rows in groupby(sorted(month.sums, key=_series_name), key=_series_name)
    ]
    grouped.sort(key=lambda group: (-sum(row["cost_micros"] for row in group[1]), group[0]))
    return [
        Series(label, _by_day(month.days, rows, column), is_rest=is_rest)
        for (is_rest, _, label), rows in grouped
    ]


def _series_name(row: Row) -> tuple[bool, str, str]:
    series = row["series"]
    return series is None, series or "", OTHERS if series is None else row["name"] or series


def _sum(month: Month, name: str, column: str, words: Words) -> Sum:
    values = _by_day(month.days, month.sums, column)
    return Sum(name, words(sum(values)), sparkline(values, words))


def _by_day(days: Sequence[date], rows: Sequence[Row], column: str) -> tuple[int, ...]:
    sums = dict.fromkeys(days, 0)
    for row in rows:
        if row["day"] in sums:
            sums[row["day"]] += row[column]
    return tuple(sums.values())
