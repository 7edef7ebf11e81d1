"""Where the shapes of a chart stand."""

from datetime import date, timedelta

import pytest

from app.console.chart_scale import axis_money, axis_words, round_ticks
from app.console.charts import (
    LEFT,
    OTHERS,
    PLOT_HEIGHT,
    SERIES_AT_MOST,
    TOP,
    WIDTH,
    Series,
    fold,
    lying_bars,
    shortened,
    sparkline,
    stacked_days,
)

FLOOR = TOP + PLOT_HEIGHT


def days(number: int) -> list[date]:
    return [date(2026, 3, 1) + timedelta(days=place) for place in range(number)]


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, (0,)),
        (1, (0, 1)),
        (3, (0, 1, 2, 3)),
        (4, (0, 1, 2, 3, 4)),
        (5, (0, 2, 4, 6)),
        (8, (0, 2, 4, 6, 8)),
        (9, (0, 5, 10)),
        (21, (0, 10, 20, 30)),
        (99, (0, 50, 100)),
        (101, (0, 50, 100, 150)),
        (1_234_567, (0, 500_000, 1_000_000, 1_500_000)),
    ],
)
def test_the_axis_has_round_numbers(most: int, ticks: tuple[int, ...]) -> None:
    assert round_ticks(most) == ticks


@pytest.mark.parametrize("most", [1, 7, 19, 999, 10**12 + 1])
def test_the_axis_has_few_lines_and_reaches_what_is_highest(most: int) -> None:
    ticks = round_ticks(most)
    assert most <= ticks[-1]
    assert ticks[-2] < most
    assert len(ticks) <= 5


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0"), (500, "500"), (2000, "2k"), (1_500_000, "1.5M"), (2 * 10**9, "2G")]
)
def test_numbers_beside_the_axis_are_short(number: int, words: str) -> None:
    assert axis_words(number) == words


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0"),
        (1, "$0.000001"),
        (50_000, "$0.05"),
        (2_500_000, "$2.50"),
        (10_000_000, "$10"),
        (2 * 10**9, "$2k"),
    ],
)
def test_amounts_beside_the_axis_are_short(micros: int, words: str) -> None:
    assert axis_money(micros) == words


def test_bars_of_a_day_stand_on_each_other_and_as_high_as_their_numbers() -> None:
    chart = stacked_days(days(2), [Series("a", (3, 2)), Series("b", (1, 0))], str)
    assert [tick.words for tick in chart.ticks] == ["0", "1", "2", "3", "4"]
    assert [(bar.mark, bar.y, bar.height) for bar in chart.bars] == [
        ("mark-1", FLOOR - PLOT_HEIGHT * 0.75, PLOT_HEIGHT * 0.75),
        ("mark-2", float(TOP), PLOT_HEIGHT * 0.25),
        ("mark-1", FLOOR - PLOT_HEIGHT * 0.5, PLOT_HEIGHT * 0.5),
    ]
    assert [bar.x for bar in chart.bars[:2]] == [chart.bars[0].x] * 2
    assert all(bar.x >= LEFT and bar.x + bar.width <= WIDTH for bar in chart.bars)
    assert [entry.label for entry in chart.legend] == ["a", "b"]
    assert chart.rows == (("2026-03-01", "3", "1", "4"), ("2026-03-02", "2", "0", "2"))
    assert chart.summary == "From 2026-03-01 to 2026-03-02: 6 in all, most on 2026-03-01 with 4."


def test_whoever_points_at_a_day_is_told_its_numbers() -> None:
    chart = stacked_days(days(2), [Series("a", (3, 0)), Series("<b>", (1, 0))], str)
    assert [column.words for column in chart.columns] == ["2026-03-01\na: 3\n<b>: 1", "2026-03-02\n0"]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1, ["1 Mar"]),
        (6, ["6 Mar", "5 Mar", "4 Mar", "3 Mar", "2 Mar", "1 Mar"]),
        (30, ["30 Mar", "25 Mar", "20 Mar", "15 Mar", "10 Mar", "5 Mar"]),
        (31, ["31 Mar", "25 Mar", "19 Mar", "13 Mar", "7 Mar", "1 Mar"]),
    ],
)
def test_few_days_are_named_the_newest_always(number: int, told: list[str]) -> None:
    chart = stacked_days(days(number), [Series("a", (1,) * number)], str)
    assert [day.words for day in chart.days] == told
    assert [day.is_minor for day in chart.days[:2]] == [False, True][:number]


@pytest.mark.parametrize("series", [[], [Series("a", (0, 0))]])
def test_nothing_makes_an_empty_chart_with_an_axis(series: list[Series]) -> None:
    chart = stacked_days(days(2), series, str)
    assert chart.bars == ()
    assert chart.summary == "Nothing in this time."
    assert [(tick.y, tick.words) for tick in chart.ticks] == [(FLOOR, "0")]
    assert len(stacked_days([], [], str).rows) == 0


def test_the_first_are_shown_and_all_others_as_one() -> None:
    series = [Series(f"s{number}", (number, 1)) for number in range(11, -1, -1)]
    shown = fold(series)
    assert [one.label for one in shown] == [*(f"s{number}" for number in range(11, 4, -1)), OTHERS]
    assert shown[-1].values == (0 + 1 + 2 + 3 + 4, 5)
    assert fold(series[:SERIES_AT_MOST])[-1].label == "s4"


def test_a_rest_stays_the_last_and_grows() -> None:
    rest = Series("the rest", (100, 100), is_rest=True)
    assert [one.label for one in fold([rest, Series("a", (1, 1))])] == ["a", OTHERS]
    many = [rest, *(Series(f"s{number}", (number, number)) for number in range(8, 0, -1))]
    shown = fold(many)
    assert [one.label for one in shown] == [*(f"s{number}" for number in range(8, 1, -1)), OTHERS]
    assert shown[-1].values == (101, 101)
    assert [entry.mark for entry in stacked_days(days(2), many, str).legend][-1] == "mark-rest"


def test_lying_bars_are_as_long_as_their_numbers() -> None:
    chart = lying_bars([("a", 4), ("x" * 50, 1), ("c", 0)], str)
    assert [row.bar.width for row in chart.rows] == [WIDTH, WIDTH / 4, 0]
    assert [row.label for row in chart.rows] == ["a", "x" * 33 + "…", "c"]
    assert chart.rows[1].whole_label == "x" * 50
    assert chart.height >= chart.rows[-1].bar.y + chart.rows[-1].bar.height
    assert lying_bars([], str).rows == ()
    assert lying_bars([("a", 0)], str).rows[0].bar.width == 0


@pytest.mark.parametrize(("label", "shown"), [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abc…")])
def test_long_labels_are_shortened(label: str, shown: str) -> None:
    assert shortened(label, 4) == shown


@pytest.mark.parametrize(
    ("values", "points", "summary"),
    [
        ([0, 2, 1], "2,24 60,2 118,13", "from 0 to 1, at most 2"),
        ([0, 0], "2,24 118,24", "from 0 to 0, at most 0"),
        ([3], "2,2", "from 3 to 3, at most 3"),
        ([], "", "nothing"),
    ],
)
def test_a_sparkline_begins_at_nothing(values: list[int], points: str, summary: str) -> None:
    chart = sparkline(values, str)
    assert (chart.points, chart.summary) == (points, summary)
