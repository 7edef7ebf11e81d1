"""The page of usage in a real browser: the same numbers in the table, the chart and the file."""

import csv
import io
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from app.console.usage_view import LINES_SHOWN
from tests.end_to_end.console.conftest import ADMIN_KEY
from tests.support.gateway import Gateway
from tests.support.history import ROUND, Team, fill, jobs_of, make_team, sums_over
from tests.support.visitor import Visitor

pytestmark = pytest.mark.xdist_group("pages")

PAGE = "/console/usage"
MARCH = "from=2026-03-01&to=2026-04-01"
PAGE_BYTES = 300_000
STRANGE = "<img src=x onerror=alert(1)> \u202e=1+1"


@pytest.fixture(scope="module")
def team(page_gateway: Gateway) -> Team:
    """A team with three days of March behind it."""
    team = make_team(page_gateway.database)
    fill(
        page_gateway.database, team, 10 * ROUND, step=timedelta(minutes=20), end_users=(None, "ann", STRANGE)
    )
    return team


def table(visitor: Visitor) -> list[list[str]]:
    """The lines as they are shown, without head and foot."""
    cells = "[...row.children].map((cell) => cell.innerText.trim())"
    rows: list[list[str]] = visitor.tab.run(
        f"[...document.querySelectorAll('tbody tr')].map((row) => {cells})"
    )
    return rows


def file(visitor: Visitor) -> list[dict[str, str]]:
    """What one gets by the link to the file."""
    text = visitor.run("return await (await fetch(document.querySelector('#csv').href)).text()")
    return list(csv.DictReader(io.StringIO(text)))


def test_table_totals_and_file_are_those_of_the_jobs(
    visitor: Visitor, team: Team, page_gateway: Gateway
) -> None:
    visitor.sign_in(team.secret)
    visitor.open(f"{PAGE}?{MARCH}&group_by=model,end_user")
    sums = sums_over(jobs_of(page_gateway.database, team), lambda job: (job["model"], job["end_user"]))
    shown = table(visitor)
    assert {(line[0], None if line[1] == "–" else line[1]): int(line[2]) for line in shown} == {  # noqa: RUF001 # the dash of the page
        place: line["jobs"] for place, line in sums.items()
    }
    lines = file(visitor)
    assert [(line["model"], line["jobs"]) for line in lines] == [(line[0], line[2]) for line in shown]
    assert visitor.texts("tfoot td")[1] == str(sum(line["jobs"] for line in sums.values()))
    assert visitor.loaded_bytes() < PAGE_BYTES
    visitor.check_page()


def test_a_heading_puts_table_and_file_in_order(visitor: Visitor, team: Team) -> None:
    visitor.sign_in(team.secret)
    visitor.open(f"{PAGE}?{MARCH}&group_by=day,model")
    visitor.press("thead th:nth-child(3) a")
    assert visitor.path.endswith("sort=-jobs")
    jobs = [int(line[2]) for line in table(visitor)]
    assert jobs == sorted(jobs, reverse=True)
    assert len(set(jobs)) > 1
    assert [int(line["jobs"]) for line in file(visitor)] == jobs
    visitor.press("thead th:nth-child(3) a")
    assert [int(line[2]) for line in table(visitor)] == sorted(jobs)
    assert visitor.texts("[aria-sort]") == ["Jobs ↑"]


def test_forms_and_ranges_lead_to_addresses_that_say_it_all(visitor: Visitor, team: Team) -> None:
    visitor.sign_in(team.secret, PAGE)
    assert visitor.texts(".choice[aria-current]") == ["This month"]
    visitor.fill("#group_by", "key,model")
    visitor.fill("#from", "2026-03-02")
    visitor.fill("#to", "2026-03-03")
    visitor.press("form.filters button")
    assert visitor.path == f"{PAGE}?group_by=key%2Cmodel&from=2026-03-02&to=2026-03-03"
    assert {line[0] for line in table(visitor)} == {"key 0", "key 1"}
    visitor.press(".choice:nth-child(2)")
    assert "7 days" in visitor.texts(".choice[aria-current]")
    assert visitor.run("return document.querySelector('#group_by').value") == "key,model"
    assert "Nothing was used" in visitor.text("main")


def test_a_team_sees_itself_alone_and_the_admin_any(
    visitor: Visitor, team: Team, page_gateway: Gateway
) -> None:
    other = make_team(page_gateway.database)
    fill(page_gateway.database, other, ROUND)
    visitor.sign_in(other.secret)
    visitor.open(f"{PAGE}?{MARCH}&group_by=team")
    assert [line[0] for line in table(visitor)] == [other.name]
    assert {line["team_id"] for line in file(visitor)} == {str(other.id)}
    visitor.open(f"{PAGE}?team={team.name}")
    assert "no such parameter" in visitor.text("main .fault")
    visitor.sign_in(ADMIN_KEY)
    visitor.open(f"{PAGE}?{MARCH}&group_by=team")
    assert {team.name, other.name} <= {line[0] for line in table(visitor)}
    visitor.fill("#team", team.name)
    visitor.press("form.filters button")
    assert [line[0] for line in table(visitor)] == [team.name]
    assert [line["team"] for line in file(visitor)] == [team.name]


@pytest.mark.parametrize(
    ("query", "field", "words"),
    [
        ("from=yesterday", "from", "write a date such as"),
        ("from=2026-03-02&to=2026-03-01", "from", "is before"),
        ("to=2026-02-30", "to", "write a date such as"),
        ("group_by=day,day", "group_by", "each once"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    visitor: Visitor, team: Team, query: str, field: str, words: str
) -> None:
    visitor.sign_in(team.secret)
    visitor.open(f"{PAGE}?{query}")
    assert words in visitor.text(f"#{field}-wrong")
    assert visitor.run(f"return document.querySelector('#{field}').getAttribute('aria-invalid')") == "true"
    if field != "group_by":
        assert visitor.run(f"return document.querySelector('#{field}').value") in query
    assert visitor.barriers() == []


@pytest.mark.parametrize(
    "query", ["sort=nothing", "what=1", "sort=jobs&sort=model", f"group_by={quote(STRANGE)}"]
)
def test_what_is_no_field_is_said_too(visitor: Visitor, team: Team, query: str) -> None:
    visitor.sign_in(team.secret)
    visitor.open(f"{PAGE}?{query}")
    assert visitor.text("main .fault, main .wrong")
    assert page_status(visitor, f"{PAGE}?{query}") == 422
    assert page_status(visitor, f"{PAGE}.csv?{query}") == 422


def page_status(visitor: Visitor, path: str) -> int:
    return int(visitor.run(f"return (await fetch({path!r})).status"))


def test_a_long_report_shows_its_first_lines_and_says_how_many_there_are(
    visitor: Visitor, page_gateway: Gateway
) -> None:
    team = make_team(page_gateway.database, keys=1)
    people = [f"user {number}" for number in range(3 * LINES_SHOWN)]
    fill(page_gateway.database, team, len(people), end_users=people, step=timedelta(seconds=1))
    visitor.sign_in(team.secret)
    visitor.open(f"{PAGE}?{MARCH}&group_by=end_user&sort=-end_user")
    shown = table(visitor)
    assert len(shown) == LINES_SHOWN
    assert "600 lines; these are the first 200" in visitor.text("caption")
    lines = [line["end_user"] for line in file(visitor)]
    assert lines[:LINES_SHOWN] == [line[0] for line in shown]
    assert len(lines) == len(people)
    assert visitor.loaded_bytes() < PAGE_BYTES


@pytest.mark.parametrize("path", [PAGE, f"{PAGE}.csv"])
def test_nobody_else_sees_it(page_gateway: Gateway, path: str) -> None:
    assert page_gateway.get(path).headers["location"] == f"/console/sign-in?next={path}"


def test_today_is_counted_to_this_moment(visitor: Visitor, page_gateway: Gateway) -> None:
    team = make_team(page_gateway.database)
    visitor.sign_in(team.secret)
    # Of the day on which it is asked for, though it may be made after midnight.
    today = datetime.now(UTC)
    with page_gateway.caller(team.secret) as caller:
        caller.wait(caller.job("a cat of today"))
    visitor.open(f"{PAGE}?group_by=day&from={today:%Y-%m-%d}")
    assert [line[1] for line in table(visitor)] == ["1"]
