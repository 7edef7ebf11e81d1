"""What the page of usage shows of a report, and the addresses of its neighbours. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from app.audit.usage_order import Order, sortable
from app.audit.usage_report import GROUPS, FirstLines, UsageQuestion
from app.console.overview_words import places_for
from app.console.usage_chart import UsageChart
from app.console.usage_ranges import Range, quick_ranges

PATH: Final = "/console/usage"
LINES_SHOWN: Final = 200
GROUP_CHOICES: Final = (
    "day",
    "team",
    "key",
    "model",
    "end_user",
    "day,team",
    "day,key",
    "day,model",
    "team,key",
    "team,model",
    "key,model",
    "key,end_user",
    "end_user,model",
    "team,key,model,end_user,day",
)
TITLES: Final[Mapping[str, str]] = {
    "end_user": "End user",
    "cost_usd": "Cost",
    "saved_usd": "Saved",
    "unpriced": "Without a price",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table, and how the lines are in order by it; amounts have so many places."""

    name: str
    title: str
    is_number: bool
    places: int | None
    sort: str
    sorted_word: str


@dataclass(frozen=True, slots=True)
class UsageView:
    """A report as it is shown: all that it sums up, and the first of its lines."""

    columns: Sequence[Column]
    lines: Sequence[dict[str, Any]]
    number: int
    totals: Mapping[str, Any]
    chart: UsageChart
    starts_at: str
    ends_at: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What stands in the form, by the names of an address; a blank text where nothing does."""

    fields: Mapping[str, str]

    def address(self, *, path: str = PATH, **changes: str) -> str:
        """The page with some fields changed; `from` is written `from_`."""
        changed = {**self.fields, **{name.rstrip("_"): value for name, value in changes.items()}}
        query = urlencode({name: value for name, value in changed.items() if value})
        return f"{path}?{query}" if query else path

    def group_choices(self, *, is_admin: bool) -> list[tuple[str, str]]:
        """What lines can be told by, each with its words; another that was written stands among them."""
        chosen = self.fields["group_by"]
        choices = [one for one in GROUP_CHOICES if is_admin or "team" not in one.split(",")]
        if not is_admin:
            choices.append("key,model,end_user,day")
        if chosen and chosen not in choices:
            choices.append(chosen)
        return [(one, _group_words(one)) for one in choices]

    def ranges(self, today: date) -> list[tuple[str, str, bool]]:
        """Names and addresses of the usual stretches of time, and whether it is this one."""
        return [(one.name, self._address_of(one), self._is_at(one)) for one in quick_ranges(today)]

    def _address_of(self, one: Range) -> str:
        return self.address(from_=f"{one.starts_on}", to=f"{one.ends_on}")

    def _is_at(self, one: Range) -> bool:
        asked = (self.fields["from"], self.fields["to"])
        if asked == ("", ""):
            return one.name == "This month"
        return asked == (f"{one.starts_on}", f"{one.ends_on}")


def usage_view(
    found: FirstLines, question: UsageQuestion, order: Order | None, chart: UsageChart
) -> UsageView:
    """The first lines of a report in the order that is wanted, with its totals and its chart."""
    shown = found.lines[:LINES_SHOWN]
    return UsageView(
        columns=[_column(name, order, [*shown, found.totals]) for name in sortable(question.groups)],
        lines=shown,
        number=found.number,
        totals=found.totals,
        chart=chart,
        starts_at=f"{question.period.starts_at:%Y-%m-%d}",
        ends_at=f"{question.period.ends_at:%Y-%m-%d}",
    )


def _column(name: str, order: Order | None, lines: Sequence[Mapping[str, Any]]) -> Column:
    """Pressed once, numbers fall and names rise; pressed again, the other way."""
    is_number = name not in GROUPS
    is_here = order is not None and order.column == name
    is_falling = not order.is_falling if is_here and order is not None else is_number
    word = "" if not is_here or order is None else "descending" if order.is_falling else "ascending"
    return Column(
        name=name,
        title=TITLES.get(name, name.capitalize()),
        is_number=is_number,
        places=places_for(line[name] for line in lines) if name in ("cost_usd", "saved_usd") else None,
        sort=str(Order(name, is_falling)),
        sorted_word=word,
    )


def _group_words(groups: str) -> str:
    words = [TITLES.get(group, group).lower() for group in groups.split(",")]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
