"""Charts as shapes: where bars, lines and words stand in a picture that the server draws. Pure.

The templates of `charts.html` make SVG of them, so labels are text there as everywhere; a picture scales with
the room it has, and small rooms show fewer and larger words (`look.css`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.console.chart_scale import axis_words, round_ticks

Words = Callable[[int], str]

WIDTH: Final = 640
PLOT_HEIGHT: Final = 190
# Room for the words: left of the lines, half of the highest one, and below the lowest for the days.
LEFT: Final = 58
TOP: Final = 14
BOTTOM: Final = 26
BAR_SHARE: Final = 0.72
SERIES_AT_MOST: Final = 8
OTHERS: Final = "others"
DAY_WORDS_AT_MOST: Final = 6
ROW_HEIGHT: Final = 42
ROW_BAR_HEIGHT: Final = 10
LABEL_CHARACTERS: Final = 34
SPARK_WIDTH: Final = 120
SPARK_HEIGHT: Final = 26
SPARK_MARGIN: Final = 2


@dataclass(frozen=True, slots=True)
class Series:
    """Numbers under one name, such as a team's spend day by day; `is_rest` marks what stands for many."""

    label: str
    values: tuple[int, ...]
    is_rest: bool = False

    @property
    def total(self) -> int:
        """All of them together."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle; `mark` names its colour."""

    x: float
    y: float
    width: float
    height: float
    mark: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the picture at a round number."""

    y: float
    words: str


@dataclass(frozen=True, slots=True)
class DayMark:
    """A day below its bar; a minor one is left out where there is little room."""

    x: float
    words: str
    is_minor: bool


@dataclass(frozen=True, slots=True)
class Column:
    """The whole height over one day, which tells its numbers to whoever points at it."""

    x: float
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend."""

    mark: str
    label: str
    words: str


@dataclass(frozen=True, slots=True)
class StackedBars:
    """A bar for each day, made of a piece for each series."""

    width: int
    height: int
    left: int
    floor: int
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    days: tuple[DayMark, ...]
    columns: tuple[Column, ...]
    legend: tuple[Entry, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Row:
    """A name, its number, and a bar as long as that."""

    y: float
    label: str
    whole_label: str
    words: str
    bar: Bar


@dataclass(frozen=True, slots=True)
class Rows:
    """Bars that lie below each other."""

    width: int
    height: int
    rows: tuple[Row, ...]
    summary: str


@dataclass(frozen=True, slots=True)
class Spark:
    """A line without axes, for the shape of things."""

    width: int
    height: int
    points: str
    summary: str


def stacked_days(
    days: Sequence[date], series: Sequence[Series], words: Words, *, axis: Words = axis_words
) -> StackedBars:
    """A chart of some series, each with a number for each of the days.

    The first series lies at the bottom; those for which there are no colours are one at the top. `axis` says
    the round numbers beside the lines, shortly.
    """
    shown = fold(series)
    marks = _marks(shown)
    totals = [sum(one.values[place] for one in shown) for place in range(len(days))]
    ticks = round_ticks(max(totals, default=0))
    floor = TOP + PLOT_HEIGHT
    step = (WIDTH - LEFT) / max(len(days), 1)
    return StackedBars(
        width=WIDTH,
        height=floor + BOTTOM,
        left=LEFT,
        floor=floor,
        bars=_pieces(shown, marks, step, ticks[-1]),
        ticks=tuple(Tick(_y_of(tick, ticks[-1]), axis(tick)) for tick in ticks),
        days=_day_marks(days, step),
        columns=tuple(
            Column(_place(LEFT + place * step), _place(step), _day_words(day, shown, place, words))
            for place, day in enumerate(days)
        ),
        legend=tuple(
            Entry(mark, one.label, words(one.total)) for mark, one in zip(marks, shown, strict=True)
        ),
        head=("Day", *(one.label for one in shown), "All"),
        rows=tuple(
            (f"{day}", *(words(one.values[place]) for one in shown), words(totals[place]))
            for place, day in enumerate(days)
        ),
        summary=_summary(days, totals, words),
    )


def lying_bars(lines: Sequence[tuple[str, int]], words: Words) -> Rows:
    """A bar for each name, in the order given."""
    most = max((value for _, value in lines), default=0)
    return Rows(
        width=WIDTH,
        height=max(len(lines), 1) * ROW_HEIGHT,
        rows=tuple(_row(place, label, value, most, words) for place, (label, value) in enumerate(lines)),
        summary="; ".join(f"{label}: {words(value)}" for label, value in lines) or "Nothing.",
    )


def sparkline(values: Sequence[int], words: Words) -> Spark:
    """The course of some numbers; it begins at nothing, so that half as high is half as much."""
    most = max(values, default=0) or 1
    step = (SPARK_WIDTH - 2 * SPARK_MARGIN) / max(len(values) - 1, 1)
    height = SPARK_HEIGHT - 2 * SPARK_MARGIN
    points = [
        f"{_place(SPARK_MARGIN + place * step):g},{_place(SPARK_MARGIN + height * (1 - value / most)):g}"
        for place, value in enumerate(values)
    ]
    told = (
        f"from {words(values[0])} to {words(values[-1])}, at most {words(max(values))}"
        if values
        else "nothing"
    )
    return Spark(SPARK_WIDTH, SPARK_HEIGHT, " ".join(points), told)


def fold(series: Sequence[Series]) -> list[Series]:
    """The first series, and all others as one; what is the rest already stays the last."""
    named = [one for one in series if not one.is_rest]
    rest = [one for one in series if one.is_rest]
    room = SERIES_AT_MOST if not rest and len(named) <= SERIES_AT_MOST else SERIES_AT_MOST - 1
    kept, folded = named[:room], [*named[room:], *rest]
    if not folded:
        return kept
    values = tuple(map(sum, zip(*(one.values for one in folded), strict=True)))
    return [*kept, Series(OTHERS, values, is_rest=True)]


def shortened(label: str, characters: int = LABEL_CHARACTERS) -> str:
    """The beginning of a long label."""
    return label if len(label) <= characters else f"{label[: characters - 1]}…"


def _marks(shown: Sequence[Series]) -> list[str]:
    return ["mark-rest" if one.is_rest else f"mark-{place}" for place, one in enumerate(shown, 1)]


def _pieces(shown: Sequence[Series], marks: Sequence[str], step: float, top: int) -> tuple[Bar, ...]:
    pieces = []
    for place in range(len(shown[0].values) if shown else 0):
        below = 0
        for one, mark in zip(shown, marks, strict=True):
            value = one.values[place]
            if value > 0:
                y = _y_of(below + value, top)
                x = LEFT + place * step + step * (1 - BAR_SHARE) / 2
                height = _place(_y_of(below, top) - y)
                pieces.append(Bar(_place(x), y, _place(step * BAR_SHARE), height, mark))
                below += value
    return tuple(pieces)


def _day_marks(days: Sequence[date], step: float) -> tuple[DayMark, ...]:
    """Every so manieth day, counted from the newest."""
    every = max(1, -(-len(days) // DAY_WORDS_AT_MOST))
    told = range(len(days) - 1, -1, -every)
    return tuple(
        DayMark(
            _place(LEFT + (place + 0.5) * step),
            f"{days[place].day} {days[place]:%b}",
            is_minor=number % 2 == 1,
        )
        for number, place in enumerate(told)
    )


def _day_words(day: date, shown: Sequence[Series], place: int, words: Words) -> str:
    parts = [f"{one.label}: {words(one.values[place])}" for one in shown if one.values[place]]
    return "\n".join([f"{day}", *(parts or [words(0)])])


def _row(place: int, label: str, value: int, most: int, words: Words) -> Row:
    length = WIDTH * value / most if most > 0 else 0
    top = place * ROW_HEIGHT
    bar = Bar(0, top + ROW_HEIGHT - ROW_BAR_HEIGHT - 6, _place(max(length, 0)), ROW_BAR_HEIGHT, "bar-mark")
    return Row(top + 20, shortened(label), label, words(value), bar)


def _y_of(value: int, top: int) -> float:
    return _place(TOP + PLOT_HEIGHT * (1 - value / max(top, 1)))


def _place(number: float) -> float:
    return round(number, 2)


def _course(values: Sequence[int], words: Words) -> str:
    if not values:
        return "nothing"
    return f"from {words(values[0])} to {words(values[-1])}, at most {words(max(values))}"


def _summary(days: Sequence[date], totals: Sequence[int], words: Words) -> str:
    if not days or not any(totals):
        return "Nothing in this time."
    highest = max(range(len(days)), key=totals.__getitem__)
    return (
        f"From {days[0]} to {days[-1]}: {words(sum(totals))} in all, "
        f"most on {days[highest]} with {words(totals[highest])}."
    )
