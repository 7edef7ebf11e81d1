"""The chart of a usage report: what was spent day by day, or by whom most. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from app.audit.period import Period
from app.billing.money import MICROS_PER_USD
from app.console.chart_scale import axis_money, axis_words
from app.console.charts import Rows, Series, StackedBars, Words, lying_bars, stacked_days
from app.console.overview_words import money_words
from app.console.words import NOTHING, count_words

DAYS_AT_MOST: Final = 366
ROWS_AT_MOST: Final = 12
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class UsageChart:
    """A chart of the lines of a report; one of the two kinds.

    Attributes:
        measure: what is drawn: `Spend`, or `Jobs` where nothing was spent.
        left_out: how many days before the first one, or how many lines, there was no room for.
        is_of_all: the days are told without the other groups, for there are too many lines.
    """

    measure: str
    days: StackedBars | None
    rows: Rows | None
    left_out: int
    is_of_all: bool = False


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    column: str
    words: Words
    axis: Words

    def of(self, line: dict[str, Any]) -> int:
        value = line[self.column]
        return int(Decimal(value) * MICROS_PER_USD) if isinstance(value, str) else int(value)


_SPEND: Final = _Measure("Spend", "cost_usd", money_words, axis_money)
_JOBS: Final = _Measure("Jobs", "jobs", count_words, axis_words)


def usage_chart(
    lines: Sequence[dict[str, Any]], groups: Sequence[str], period: Period, *, number: int, today: date
) -> UsageChart:
    """Bars for each day where the lines are told by day, otherwise a bar for each of the largest lines.

    `lines` are all of the `number` of lines there are, or at least the largest.
    """
    measure = _SPEND if any(Decimal(line["cost_usd"]) for line in lines) else _JOBS
    if "day" in groups:
        return _by_day(lines, groups, _days_of(period, today), measure)
    largest = sorted(lines, key=lambda line: -measure.of(line))[:ROWS_AT_MOST]
    rows = [(_label(line, groups), measure.of(line)) for line in largest]
    return UsageChart(measure.name, None, lying_bars(rows, measure.words), number - len(largest))


def _by_day(
    lines: Iterable[dict[str, Any]], groups: Sequence[str], days: list[date], measure: _Measure
) -> UsageChart:
    shown = days[-DAYS_AT_MOST:]
    places = {day: place for place, day in enumerate(shown)}
    others = [group for group in groups if group != "day"]
    sums: dict[str, list[int]] = {}
    for line in lines:
        place = places.get(line["day"])
        if place is not None:
            sums.setdefault(_label(line, others), [0] * len(shown))[place] += measure.of(line)
    series = [Series(label, tuple(values)) for label, values in sums.items()]
    series.sort(key=lambda one: -one.total)
    chart = stacked_days(shown, series, measure.words, axis=measure.axis)
    return UsageChart(measure.name, chart, None, len(days) - len(shown))


def _label(line: dict[str, Any], groups: Sequence[str]) -> str:
    return " · ".join(str(line[group] or NOTHING) for group in groups) or ALL


def _days_of(period: Period, today: date) -> list[date]:
    """Every day that the period touches; none that is still to come."""
    first = period.starts_at.date()
    last = min((period.ends_at - timedelta(microseconds=1)).date(), today)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
