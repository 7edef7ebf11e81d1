"""Usage: sums of the ledger that are those of the jobs, to the micro-dollar, whoever makes them and when."""

import asyncio
import csv
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import httpx
import orjson
import pytest

from app.audit import roll_up_statements
from app.audit.period import Period
from app.audit.report_repository import ReportRepository
from app.audit.roll_up import ENTRIES_AT_ONCE, catch_up, rebuild_usage, roll_up
from app.audit.usage import LINES_IN_A_PAGE, first_usage_lines, report_usage, usage_csv_in_order
from app.audit.usage_check import check_usage
from app.audit.usage_order import Order
from app.audit.usage_report import UsageQuestion
from app.errors import InvalidInput
from app.storage.postgres import Database as AppDatabase
from tests.support.accounts import Account
from tests.support.caller import Caller
from tests.support.database import Database
from tests.support.gateway import Gateway
from tests.support.history import (
    ROUND,
    Team,
    add_jobs,
    by_columns,
    coarser_sums,
    coarser_sums_over,
    day_of,
    dimensions_of,
    fill,
    jobs_of,
    make_team,
    stored_sums,
    sums_over,
    with_app_database,
)
from tests.support.processes import run_fluxgate

MARCH = {"from": "2026-03-01", "to": "2026-04-01"}


def all_jobs(database: Database) -> list[dict[str, Any]]:
    return database.rows("SELECT * FROM jobs")


def rolled_up(database: Database) -> dict[object, dict[str, int]]:
    with_app_database(database, roll_up)
    return stored_sums(database)


def test_sums_grow_with_the_ledger_and_are_those_of_the_jobs(database: Database) -> None:
    teams = [make_team(database) for _ in range(3)]
    for number in (ROUND, 7 * ROUND, 2 * ENTRIES_AT_ONCE):
        for team in teams[: number // ROUND + 1]:
            fill(database, team, number, step=timedelta(minutes=27))
        assert rolled_up(database) == sums_over(all_jobs(database), dimensions_of)
        assert coarser_sums(database) == coarser_sums_over(all_jobs(database))


def test_making_them_again_changes_nothing(database: Database) -> None:
    fill(database, make_team(database), 10 * ROUND)
    once = rolled_up(database)
    assert rolled_up(database) == once
    assert with_app_database(database, roll_up) == 0
    with_app_database(database, rebuild_usage)
    assert rolled_up(database) == once


def test_a_rebuild_mends_what_somebody_has_changed(database: Database) -> None:
    fill(database, make_team(database), 10 * ROUND)
    right = rolled_up(database)
    database.rows("UPDATE usage_daily SET cost_micros = cost_micros + 1 WHERE model = 'fal-ai/flux-1/dev'")
    database.rows("DELETE FROM usage_daily WHERE end_user = 'ann'")
    database.rows("UPDATE usage_watermarks SET ledger_id = 9223372036854775807")
    database.rows("UPDATE usage_by_day SET images = images + 1 WHERE model = 'fal-ai/flux-pro/v1.1'")
    database.rows("DELETE FROM usage_by_month WHERE end_user = 'bob'")
    found = {difference.subject.partition(",")[0] for difference in with_app_database(database, check_usage)}
    assert {"by day", "by month"} <= found
    with_app_database(database, rebuild_usage)
    assert stored_sums(database) == right
    assert coarser_sums(database) == coarser_sums_over(all_jobs(database))
    assert with_app_database(database, check_usage) == []


def test_many_workers_beside_many_writers_count_everything_once(database: Database) -> None:
    teams = [make_team(database) for _ in range(3)]
    seen: list[tuple[int, int]] = []

    async def write(app: AppDatabase, team: Team) -> None:
        for turn in range(12):
            await add_jobs(app, team, ROUND, starts_at=datetime(2026, 3, 1 + turn, tzinfo=UTC))

    async def work(app: AppDatabase) -> None:
        for _ in range(25):
            await roll_up(app)

    async def report(app: AppDatabase, team: Team) -> None:
        for _ in range(10):
            [before] = await app.execute("SELECT count(*) AS jobs FROM jobs WHERE team_id = $1", team.id)
            await catch_up(app, team.id)
            [told] = await app.execute(
                "SELECT COALESCE(sum(jobs), 0)::int AS jobs FROM usage_daily WHERE team_id = $1", team.id
            )
            seen.append((before["jobs"], told["jobs"]))

    async def all_at_once(app: AppDatabase) -> None:
        await asyncio.gather(
            *(write(app, team) for team in teams for _ in range(2)),
            *(work(app) for _ in range(3)),
            *(report(app, team) for team in teams),
            catch_up(app, None),
        )
        await roll_up(app)

    with_app_database(database, all_at_once, pool_size=20)
    assert stored_sums(database) == sums_over(all_jobs(database), dimensions_of)
    assert coarser_sums(database) == coarser_sums_over(all_jobs(database))
    assert [told >= before for before, told in seen] == [True] * len(seen)


def test_a_report_waits_for_a_worker_that_is_at_the_same_team(database: Database) -> None:
    team = make_team(database)
    fill(database, team, ROUND)

    async def both(app: AppDatabase) -> tuple[bool, int]:
        await app.execute(roll_up_statements.BEGIN_TEAMS, None)
        async with app.transaction() as worker:
            await worker.execute(roll_up_statements.ROLL_UP, 10, 10)
            waiting = asyncio.ensure_future(catch_up(app, team.id))
            others = await roll_up(app)
            has_waited = not waiting.done()
        await waiting
        return has_waited, others

    assert with_app_database(database, both) == (True, 0)
    assert stored_sums(database) == sums_over(jobs_of(database, team), dimensions_of)


def test_a_cost_that_is_learned_later_counts_on_the_day_of_the_job(database: Database) -> None:
    team = make_team(database)
    fill(database, team, ROUND)
    before = rolled_up(database)
    for state, condition in (("lost", "state = 'lost'"), ("unpriced", "cost_micros IS NULL AND images > 0")):
        [job] = database.rows(f"SELECT * FROM jobs WHERE {condition}")
        database.rows(
            "INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at, note) "
            "VALUES ($1, $2, 'adjust', 0, -7, now(), $3)",
            team.id,
            job["id"],
            state,
        )
        database.rows("UPDATE jobs SET cost_micros = COALESCE(cost_micros, 0) - 7 WHERE id = $1", job["id"])
    after = rolled_up(database)
    assert after != before
    assert after == sums_over(jobs_of(database, team), dimensions_of)
    assert coarser_sums(database) == coarser_sums_over(jobs_of(database, team))
    assert sum(line["unpriced"] for line in after.values()) == 0


def test_jobs_from_before_the_ledger_count_nowhere(database: Database) -> None:
    """Also those that were under way when it came, and have an entry for their end."""
    team = make_team(database)
    fill(database, team, ROUND)
    right = rolled_up(database)
    database.rows(
        """WITH old AS (
            INSERT INTO jobs (id, team_id, key_id, model, state, created_at, completed_at)
            SELECT gen_random_uuid(), $1, $2, 'fal-ai/flux-1/dev', 'succeeded', now(), now()
            FROM generate_series(1, 2) RETURNING id
        )
        INSERT INTO ledger (team_id, job_id, kind, at) SELECT $1, id, 'charge', now() FROM old LIMIT 1""",
        team.id,
        team.keys[0].id,
    )
    assert rolled_up(database) == right
    with_app_database(database, rebuild_usage)
    assert stored_sums(database) == right
    assert with_app_database(database, check_usage) == []


@pytest.fixture
def team(gateway: Gateway) -> Team:
    """A team at the shared gateway with jobs from the end of February to the beginning of April."""
    team = make_team(gateway.database)
    starts_at = datetime(2026, 2, 27, tzinfo=UTC)
    fill(gateway.database, team, 30 * ROUND, starts_at=starts_at, step=timedelta(minutes=93))
    return team


@pytest.fixture
def member(gateway: Gateway, team: Team) -> Iterator[Caller]:
    """Somebody of that team."""
    with gateway.caller(team.secret) as caller:
        yield caller


def in_march(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [job for job in jobs if day_of(job).month == 3]


def report(caller: Caller, **params: str) -> dict[str, Any]:
    answer = caller.get("/api/usage", params={**MARCH, **params})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def lines_of(answer: httpx.Response) -> list[dict[str, Any]]:
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    numbers = ("jobs", "succeeded", "failed", "images", "unpriced")
    return [{**line, **{name: int(line[name]) for name in numbers}} for line in lines]


GROUPS = {
    "day": (("day",), lambda job: (day_of(job).isoformat(),)),
    "model": (("model",), lambda job: (job["model"],)),
    "key": (("key_id",), lambda job: (str(job["key_id"]),)),
    "end_user": (("end_user",), lambda job: (job["end_user"],)),
    "team": (("team_id",), lambda job: (str(job["team_id"]),)),
    "model,day": (("model", "day"), lambda job: (job["model"], day_of(job).isoformat())),
    "end_user,key,day": (
        ("end_user", "key_id", "day"),
        lambda job: (job["end_user"], str(job["key_id"]), day_of(job).isoformat()),
    ),
}


@pytest.mark.parametrize("groups", GROUPS)
def test_each_report_is_the_sum_over_its_jobs(
    gateway: Gateway, member: Caller, team: Team, groups: str
) -> None:
    columns, place = GROUPS[groups]
    expected = sums_over(in_march(jobs_of(gateway.database, team)), place)
    told = report(member, group_by=groups)
    assert by_columns(told["items"], *columns) == expected
    [total] = sums_over(in_march(jobs_of(gateway.database, team)), lambda _: ()).values()
    assert by_columns([told["totals"]]) == {(): total}


@pytest.mark.parametrize("groups", GROUPS)
def test_the_csv_has_the_lines_of_the_report(member: Caller, groups: str) -> None:
    answer = member.get("/api/usage.csv", params={**MARCH, "group_by": groups})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    name = 'attachment; filename="usage_2026-03-01_2026-04-01.csv"'
    assert answer.headers["content-disposition"] == name
    told = [
        {column: "" if value is None else value for column, value in item.items()}
        for item in report(member, group_by=groups)["items"]
    ]
    assert lines_of(answer) == told


def test_lines_come_in_the_order_of_their_groups(member: Caller) -> None:
    items = report(member, group_by="model,day")["items"]
    places = [(item["model"], item["day"]) for item in items]
    assert places == sorted(places)
    assert list(items[0]) == [
        "model",
        "day",
        "jobs",
        "succeeded",
        "failed",
        "images",
        "cost_usd",
        "saved_usd",
        "unpriced",
    ]


def test_teams_and_keys_are_named(member: Caller, team: Team) -> None:
    told = {
        (item["team"], item["key"], item["key_id"]) for item in report(member, group_by="team,key")["items"]
    }
    assert told == {(team.name, key.name, str(key.id)) for key in team.keys}


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("2026-03-02", "2026-03-03"),
        ("2026-03-02T00:00:00Z", "2026-03-02T12:00:00Z"),
        ("2026-03-02T09:17:00.5Z", "2026-03-05T18:00:01Z"),
        ("2026-03-02T09:17:00Z", "2026-03-03T09:17:00Z"),
        ("2026-03-02T10:00:00+02:00", "2026-03-02T23:59:59-11:00"),
        ("2026-02-28", "2026-03-02T01:33:00Z"),
        ("1970-01-01", "2999-12-31"),
    ],
)
def test_a_day_that_is_only_partly_meant_is_counted_to_the_moment(
    gateway: Gateway, member: Caller, team: Team, starts_at: str, ends_at: str
) -> None:
    first, end = (datetime.fromisoformat(text) for text in (starts_at, ends_at))
    first, end = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (first, end))
    meant = [job for job in jobs_of(gateway.database, team) if first <= job["created_at"] < end]
    told = report(member, **{"from": starts_at, "to": ends_at})
    assert meant
    assert by_columns(told["items"], "day") == sums_over(meant, lambda job: (day_of(job).isoformat(),))


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("2026-03-01", "2026-04-01"),
        ("2026-02-28", "2026-04-02"),
        ("2026-02-28T09:17:00Z", "2026-04-01T18:00:00Z"),
        ("2026-03-02", "2026-03-31"),
        ("1970-01-01", "2999-12-31"),
    ],
)
def test_end_users_are_told_of_whole_months_and_of_the_days_beside_them(
    gateway: Gateway, member: Caller, team: Team, starts_at: str, ends_at: str
) -> None:
    first, end = (datetime.fromisoformat(text) for text in (starts_at, ends_at))
    first, end = (at if at.tzinfo else at.replace(tzinfo=UTC) for at in (first, end))
    meant = [job for job in jobs_of(gateway.database, team) if first <= job["created_at"] < end]
    told = report(member, **{"from": starts_at, "to": ends_at, "group_by": "model,end_user"})
    expected = sums_over(meant, lambda job: (job["model"], job["end_user"]))
    assert by_columns(told["items"], "model", "end_user") == expected


def test_a_report_knows_what_was_committed_a_moment_ago(
    gateway: Gateway, caller: Caller, prompt: str
) -> None:
    before = caller.get("/api/usage").json()
    assert (before["items"], before["totals"]["jobs"]) == ([], 0)
    team_id = Account.of(gateway.database, caller).team_id
    for number in range(1, 4):
        caller.wait(caller.job(f"{prompt} {number}"))
        told = caller.get("/api/usage").json()["totals"]
        jobs = gateway.database.rows("SELECT * FROM jobs WHERE team_id = $1", team_id)
        assert by_columns([told]) == sums_over(jobs, lambda _: ())
        assert told["succeeded"] == number


def test_no_team_is_told_of_another(gateway: Gateway, team: Team, member: Caller) -> None:
    stranger = make_team(gateway.database)
    fill(gateway.database, stranger, ROUND)
    with gateway.caller(stranger.secret) as other:
        told = report(other, group_by="team,key,model,day,end_user")
        text = other.get("/api/usage.csv", params={**MARCH, "group_by": "team,key"}).text
    assert told["totals"]["jobs"] == ROUND
    assert {item["team"] for item in told["items"]} == {stranger.name}
    assert team.name not in text
    assert stranger.name not in member.get("/api/usage", params={**MARCH, "group_by": "team"}).text


def test_a_team_does_not_choose_whom_it_asks_about(member: Caller, gateway: Gateway) -> None:
    stranger = make_team(gateway.database)
    answer = member.get("/api/usage", params={"team": stranger.name})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_input")


WRONG = {
    "unknown group": "group_by=colour",
    "twice the same group": "group_by=day,model,day",
    "no group": "group_by=",
    "an empty group": "group_by=day,",
    "a blank": "group_by=day,%20model",
    "upper case": "group_by=DAY",
    "unknown parameter": "colour=red",
    "an array": "group_by[]=day",
    "repeated": "from=2026-01-01&from=2026-01-02",
    "empty from": "from=",
    "no date": "from=yesterday",
    "no zone": "from=2026-03-01T00:00:00",
    "a plus that is a blank": "from=2026-03-01T00:00:00+02:00",
    "an offset too far": "from=2026-03-01T00:00:00%2B25:00",
    "a leap second": "from=2026-03-01T23:59:60Z",
    "hour 24": "from=2026-03-01T24:00:00Z",
    "29 February of no leap year": "from=2026-02-29",
    "month 13": "from=2026-13-01",
    "year 0": "from=0000-01-01",
    "year 9999": "to=9999-12-31",
    "year 10000": "to=10000-01-01",
    "before 1970": "from=1969-12-31",
    "before 1970 by its zone": "from=1970-01-01T00:00:00%2B14:00",
    "a week": "from=2026-W10-1",
    "without hyphens": "from=20260301",
    "a number": "from=1772323200",
    "other digits": "from=%D9%A2%D9%A0%D9%A2%D9%A6-%D9%A0%D9%A3-%D9%A0%D9%A1",
    "to before from": "from=2026-03-02&to=2026-03-01",
    "to is from": "from=2026-03-01&to=2026-03-01",
    "from is after this month": "from=2999-01-01",
    "a NUL": "from=%00",
    "a NUL in the group": "group_by=day%00",
}


@pytest.mark.parametrize("route", ["/api/usage", "/api/usage.csv"])
@pytest.mark.parametrize("name", WRONG)
def test_a_question_that_is_none_is_refused(caller: Caller, route: str, name: str) -> None:
    answer = caller.get(f"{route}?{WRONG[name]}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    [problem] = answer.json()["errors"]
    assert problem["loc"][0] == "query"
    assert problem["msg"].startswith(problem["loc"][1])


def test_all_that_is_wrong_is_said_at_once(caller: Caller) -> None:
    errors = caller.get("/api/usage?from=x&to=y&group_by=z&colour=red").json()["errors"]
    assert sorted(error["loc"][1] for error in errors) == ["colour", "from", "group_by", "to"]


def test_a_browser_token_is_told_no_usage(caller: Caller, gateway: Gateway) -> None:
    token = caller.post("/api/tokens", json={"ttl_seconds": 60}).json()["token"]
    for route in ("/api/usage", "/api/usage.csv"):
        answer = gateway.get(route, headers={"authorization": f"Bearer {token}"})
        assert (answer.status_code, answer.json()["error_type"]) == (403, "forbidden")
        assert gateway.get(route).status_code == 401


def test_a_cell_of_a_csv_file_is_never_a_formula(gateway: Gateway) -> None:
    team = make_team(gateway.database)
    users = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", 'say "hi", twice', "a\nb", "\uff1d1", "plain"]
    fill(gateway.database, team, ROUND, end_users=users)
    with gateway.caller(team.secret) as caller:
        answer = caller.get("/api/usage.csv", params={**MARCH, "group_by": "end_user"})
    cells = [line["end_user"] for line in csv.DictReader(io.StringIO(answer.text, newline=""))]
    assert sorted(cells) == sorted(user if user[0].isalpha() else f"'{user}" for user in users)
    assert '\r\n"\'=1+1",' in answer.text


def test_a_long_csv_file_comes_in_pieces_and_whole(gateway: Gateway) -> None:
    team = make_team(gateway.database, keys=1)
    users = [f"user {number}" for number in range(2 * LINES_IN_A_PAGE + 300)]
    step = timedelta(seconds=1)
    fill(gateway.database, team, len(users), end_users=users, step=step, models=("fal-ai/flux-1/dev",))
    with gateway.caller(team.secret) as caller:
        params = {**MARCH, "group_by": "day,end_user"}
        lines = lines_of(caller.get("/api/usage.csv", params=params))
        assert lines == caller.get("/api/usage", params=params).json()["items"]
    assert len(lines) == len(users)


def test_the_command_line_tells_the_same(
    gateway: Gateway, member: Caller, team: Team, tmp_path: Path
) -> None:
    settings = {"database_url": gateway.database.url}
    words = ["usage", "--from", "2026-03-01", "--to", "2026-04-01", "--group-by", "model,day"]
    words += ["--team", team.name]
    told = run_fluxgate(tmp_path, *words, "--json", settings=settings)
    assert orjson.loads(told.stdout) == report(member, group_by="model,day")
    as_csv = run_fluxgate(tmp_path, *words, "--format", "csv", settings=settings)
    params = {**MARCH, "group_by": "model,day"}
    assert as_csv.stdout.splitlines() == member.get("/api/usage.csv", params=params).text.splitlines()
    table = run_fluxgate(tmp_path, *words, settings=settings).stdout.splitlines()
    head = "model day jobs succeeded failed images cost_usd saved_usd unpriced"
    assert table[0].split() == head.split()
    assert table[-1].startswith("total")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--from", "yesterday"], 2),
        (["--group-by", "colour"], 2),
        (["--from", "2026-03-02", "--to", "2026-03-01"], 2),
        (["--format", "xml"], 2),
        (["--team", "nobody"], 1),
    ],
)
def test_a_wrong_command_is_bad_usage(gateway: Gateway, tmp_path: Path, words: list[str], code: int) -> None:
    settings = {"database_url": gateway.database.url}
    done = run_fluxgate(tmp_path, "usage", *words, settings=settings)
    assert (done.returncode, done.stdout) == (code, "")
    assert "Traceback" not in done.stderr


COLUMNS = ("day", "model", "key", "end_user", "jobs", "cost_usd", "saved_usd")
ORDERS = [Order(column, is_falling) for column in COLUMNS for is_falling in (False, True)]
ALL_LINES = 10_000


def test_the_first_lines_in_any_order_have_the_totals_of_all(database: Database) -> None:
    team = make_team(database)
    fill(database, team, 20 * ROUND, step=timedelta(minutes=17), end_users=(None, "b", "A", "a", "B"))
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    # The last piece is less than a day and comes from the jobs themselves.
    question = UsageQuestion(
        Period(begin, begin + timedelta(days=3, hours=7)), ("day", "key", "model", "end_user")
    )

    async def ask(opened: AppDatabase) -> None:
        reports = ReportRepository(opened, grace_seconds=3600)
        whole = await report_usage(reports, question)
        for order in (None, *ORDERS):
            every = await first_usage_lines(reports, question, order, limit=ALL_LINES)
            assert every.lines == in_order(whole["items"], order)
            few = await first_usage_lines(reports, question, order, limit=7)
            assert few.lines == every.lines[:7]
            assert (few.number, few.totals) == (len(whole["items"]), whole["totals"])

    with_app_database(database, ask)


def in_order(lines: list[dict[str, Any]], order: Order | None) -> list[dict[str, Any]]:
    """Letters before their case, lines without a value last, and like ones as they were."""
    if order is None:
        return lines

    def weight(line: dict[str, Any]) -> Any:
        value = line[order.column]
        if order.column in ("cost_usd", "saved_usd"):
            return Decimal(value)
        return (value.lower(), value) if isinstance(value, str) else value

    told = [line for line in lines if line[order.column] is not None]
    untold = [line for line in lines if line[order.column] is None]
    return [*sorted(told, key=weight, reverse=order.is_falling), *untold]


class Watched(dict[str, Any]):
    """A row that tells in which threads it is read."""

    readers: ClassVar[set[int]] = set()

    def items(self) -> Any:
        self.readers.add(threading.get_ident())
        return super().items()


class WatchedDatabase(AppDatabase):
    """Counts the rows that a statement brings at most."""

    most_rows = 0

    async def execute(self, statement: str, *values: object) -> list[Watched]:
        rows = await super().execute(statement, *values)
        self.most_rows = max(self.most_rows, len(rows))
        return [Watched(row) for row in rows]


MANY_LINES = """
    INSERT INTO usage_daily (team_id, key_id, model, day, end_user, jobs, succeeded, failed, images,
        cost_micros, saved_micros, unpriced)
    SELECT $1, $2, 'a/model', $3, n::text, 1, 1, 0, 1, 1, 0, 0 FROM generate_series(1, 50001) AS n
"""


def test_lines_in_order_are_counted_first_and_made_beside_the_loop(database: Database) -> None:
    team = make_team(database)
    begin = datetime(2026, 3, 2, tzinfo=UTC)
    database.rows(MANY_LINES, team.id, team.keys[0].id, begin.date())
    question = UsageQuestion(Period(begin, begin + timedelta(days=1)), ("end_user",))
    by_cost = Order("cost_usd", is_falling=True)

    async def ask() -> None:
        watched = await WatchedDatabase.connect(database.url, pool_size=2, timeout_seconds=30)
        assert isinstance(watched, WatchedDatabase)
        reports = ReportRepository(watched, grace_seconds=3600)
        with pytest.raises(InvalidInput, match="50000 lines"):
            await anext(usage_csv_in_order(reports, question, by_cost))
        assert watched.most_rows < 100
        await watched.execute("DELETE FROM usage_daily WHERE end_user <> '7'")
        Watched.readers.clear()
        piece = await anext(usage_csv_in_order(reports, question, by_cost))
        assert piece.decode().splitlines()[1].startswith("7,1,1,0,1,0.000001,")
        assert Watched.readers
        assert threading.get_ident() not in Watched.readers
        await watched.close()

    asyncio.run(ask())


def test_a_report_of_nothing_has_totals_of_nothing(database: Database) -> None:
    question = UsageQuestion(Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)))

    async def ask(opened: AppDatabase) -> Any:
        return await first_usage_lines(ReportRepository(opened, grace_seconds=3600), question, None, limit=7)

    found = with_app_database(database, ask)
    assert (found.lines, found.number, found.totals["jobs"], found.totals["cost_usd"]) == (
        [],
        0,
        0,
        "0.000000",
    )
