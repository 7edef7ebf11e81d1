"""Jobs found by the words of their prompts: all, for whom they belong to, and gone with the prompt."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.audit.cursor import Cursors
from app.audit.job_filters import JobFilters, Sight
from app.audit.job_listing import list_jobs
from app.audit.prompt_words import parse_question
from app.audit.report_repository import SEARCHES_AT_ONCE, ReportRepository
from app.audit.write_words import write_words_piece
from app.errors import InvalidInput
from app.storage.postgres import Database as AppDatabase
from tests.support.caller import Caller
from tests.support.database import Database, under_way
from tests.support.gateway import Gateway
from tests.support.history import MODELS, Team, fill, make_team, with_app_database
from tests.support.waiting import PATIENCE_SECONDS, until

# More than are looked through one by one, so that the index has to help.
JOBS = 5_400
STARTS_AT = datetime(2026, 3, 2, tzinfo=UTC)


def written_down(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM prompt_words"))


def reports_of(stored: AppDatabase) -> ReportRepository:
    """What finds jobs, with a patience that has nothing to do with what is tried here."""
    return ReportRepository(stored, grace_seconds=3600, search_seconds=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def team(gateway: Gateway) -> Team:
    """A team whose jobs are `picture 0`, `picture 1` and so on, all written down by their words."""
    team = make_team(gateway.database)
    fill(gateway.database, team, JOBS, starts_at=STARTS_AT)
    statement = """
        SELECT count(*) FROM prompt_words w JOIN jobs j ON j.id = w.job_id WHERE j.team_id = $1
    """
    until(lambda: gateway.database.value(statement, team.id) == JOBS)
    return team


@pytest.fixture
def member(gateway: Gateway, team: Team) -> Iterator[Caller]:
    """Somebody of that team."""
    with gateway.caller(team.secret) as caller:
        yield caller


def in_time(answer: httpx.Response) -> httpx.Response | None:
    """The answer, unless the search was given up: a machine may stand still for longer than one may take."""
    return None if "takes too long" in answer.text else answer


def found(caller: Caller, q: str, **params: object) -> list[str]:
    """The prompts of all pages."""
    prompts: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        asked = {"q": q, "limit": "100", **{name: str(value) for name, value in params.items()}, **cursor}
        answer = until(lambda: in_time(caller.get("/api/jobs", params=asked)))  # noqa: B023 # called at once
        assert answer
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        prompts += [item["prompt"] for item in told["items"]]
        if told["next_cursor"] is None:
            return prompts
        cursor = {"cursor": told["next_cursor"]}


@pytest.mark.parametrize("number", [0, 7, 399, 400, 5399])
def test_a_rare_word_is_found_however_old_it_is(member: Caller, number: int) -> None:
    prompts = found(member, f"PICTURE {number}")
    shown = {f"picture {number}"}
    # Three digits and more are looked for as the beginning of a word.
    begun = {f"picture {n}" for n in range(JOBS) if len(str(number)) >= 3 and str(n).startswith(str(number))}
    assert prompts == sorted(shown | begun, key=lambda prompt: -int(prompt.split()[1]))


def test_a_word_that_is_neither_rare_nor_common_is_found_once_and_in_order(database: Database) -> None:
    """One that some of the newest hold, and others behind those that are looked through one by one."""
    fill(database, make_team(database), JOBS, step=timedelta(seconds=1))
    rename = (
        "UPDATE job_inputs SET prompt = 'a lighthouse, ' || prompt WHERE prompt LIKE $1 OR prompt LIKE $2"
    )
    database.rows(rename, "%99", "% 3_")
    write_down(database)
    right = database.rows("SELECT job_id FROM job_inputs WHERE prompt LIKE 'a light%' ORDER BY job_id DESC")

    async def look(stored: AppDatabase) -> None:
        reports, filters = reports_of(stored), JobFilters(words=("lighthouse",))
        for limit in (40, 50, 51, 60, 99):
            rows = await reports.jobs_found(Sight(), filters, before=None, limit=limit)
            assert [row["id"] for row in rows] == [row["job_id"] for row in right[:limit]]

    assert len(right) == 64
    with_app_database(database, look)


def test_a_common_word_is_found_in_every_job_once(member: Caller) -> None:
    assert found(member, "pict") == [f"picture {n}" for n in reversed(range(JOBS))]


def test_filters_hold_beside_the_words(member: Caller, team: Team) -> None:
    model = found(member, "picture", model=MODELS[1], state="failed")
    assert model == [f"picture {n}" for n in reversed(range(JOBS)) if n % 20 == 0 and n % 3 == 1]
    key = found(member, "picture", key=team.keys[1].name, to="2026-03-02T01:00:00Z")
    assert key == [f"picture {n}" for n in reversed(range(60)) if n % 2 == 1]
    assert found(member, "picture 7", key="no key") == []


def test_a_rare_word_with_filters_comes_from_the_index(member: Caller, team: Team) -> None:
    assert found(member, "picture 6", key=team.keys[0].name, model=MODELS[0]) == ["picture 6"]
    assert found(member, "picture 6", key=team.keys[1].name) == []
    assert found(member, "picture 6", state="failed") == []


def test_nobody_finds_the_jobs_of_others(member: Caller, caller: Caller) -> None:
    assert found(caller, "picture") == []
    assert "picture 5399" in found(member, "5399")


def test_a_job_is_found_before_it_is_written_down(database: Database) -> None:
    """Nobody keeps house here."""
    team = make_team(database)
    fill(database, team, 40)
    database.rows("UPDATE job_inputs SET prompt = 'An old Lighthouse' WHERE prompt = 'picture 7'")

    async def look() -> list[str]:
        stored = await AppDatabase.connect(database.url, pool_size=1, timeout_seconds=30)
        filters = JobFilters(words=parse_question("light OLD"))
        reports = reports_of(stored)
        rows = await reports.jobs_found(Sight(team.id), filters, before=None, limit=9)
        await stored.close()
        return [row["prompt"] for row in rows]

    assert asyncio.run(look()) == ["An old Lighthouse"]
    assert written_down(database) == 0


def test_a_prompt_is_looked_through_as_far_as_that_is_cheap(database: Database) -> None:
    """Of a team whose words are never written down."""
    team = make_team(database)
    database.rows("UPDATE teams SET privacy = 'hashed' WHERE id = $1", team.id)
    fill(database, team, 1_100)
    database.rows("UPDATE jobs SET completed_at = now() WHERE completed_at IS NOT NULL")
    far_in = f"{'x' * 2_000} lighthouse"
    database.rows("UPDATE job_inputs SET prompt = $1 WHERE prompt = 'picture 1098'", far_in)

    async def look(stored: AppDatabase) -> list[int]:
        reports = reports_of(stored)
        return [
            len(await reports.jobs_found(Sight(team.id), JobFilters(words=words), before=None, limit=2_000))
            for words in (("picture",), ("picture", "1099"), ("lighthouse",), ("picture", "3"))
        ]

    numbers = with_app_database(database, look)
    assert numbers[:3] == [999, 1, 0]
    assert numbers[3] == sum("3" in str(number) for number in range(100, 1_100) if number != 1_098)


def test_a_few_searches_at_a_time_leave_connections_to_others(database: Database) -> None:
    team = make_team(database)
    fill(database, team, 20)
    # A lock that another test's database waits for is in the same view.
    waiting = """
        SELECT count(*) AS number FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    """

    async def look(stored: AppDatabase) -> int:
        reports = ReportRepository(stored, grace_seconds=3600, search_seconds=30)
        filters = JobFilters(words=("picture",))
        searches = [
            asyncio.create_task(reports.jobs_found(Sight(team.id), filters, before=None, limit=9))
            for _ in range(9)
        ]
        await asyncio.to_thread(until, lambda: database.value(waiting) >= SEARCHES_AT_ONCE)
        # The pool has one connection more than are taken.
        [row] = await stored.execute(waiting)
        for search in searches:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)
        return int(row["number"])

    with under_way(database, "LOCK TABLE prompt_words"):
        assert with_app_database(database, look, pool_size=SEARCHES_AT_ONCE + 1) == SEARCHES_AT_ONCE


def test_a_search_that_takes_too_long_is_the_callers_matter(database: Database) -> None:
    team = make_team(database)
    fill(database, team, 20)

    async def look(stored: AppDatabase) -> None:
        reports = ReportRepository(stored, grace_seconds=3600, search_seconds=0.2)
        filters = JobFilters(words=("picture",))
        with pytest.raises(InvalidInput, match="takes too long"):
            await list_jobs(reports, Cursors(b"a key"), Sight(team.id), filters, cursor=None, limit=9)

    with under_way(database, "LOCK TABLE prompt_words"):
        with_app_database(database, look)


@pytest.mark.parametrize("q", ["%%%%_", "?!", "x" * 10_000, "'", "\u202e\u202e"])
def test_what_cannot_be_looked_for_is_said(member: Caller, q: str) -> None:
    answer = member.get("/api/jobs", params={"q": q})
    assert (answer.status_code, answer.json()["error_type"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["loc"] == ["query", "q"]


@pytest.mark.parametrize(
    "q", ["a' | 'b", "picture:* & !x", "<script>", "' OR 1=1 --", "\\", "日本語", "(((picture"]
)
def test_signs_mean_nothing(member: Caller, q: str) -> None:
    assert member.get("/api/jobs", params={"q": q}).status_code in (200, 422)


def test_nul_is_refused(member: Caller) -> None:
    assert member.get("/api/jobs", params={"q": "cat\0dog"}).status_code == 422


def write_down(database: Database) -> None:
    """Everything that is new, as housekeeping does."""

    async def run() -> None:
        stored = await AppDatabase.connect(database.url, pool_size=1, timeout_seconds=30)
        while await write_words_piece(stored):
            pass
        await stored.close()

    asyncio.run(run())


def test_words_go_with_the_prompt(database: Database) -> None:
    fill(database, make_team(database), 40)
    write_down(database)
    assert written_down(database) == 40
    database.rows("DELETE FROM job_inputs WHERE prompt IN ('picture 7', 'picture 8')")
    assert written_down(database) == 38
    write_down(database)
    assert written_down(database) == 38


def test_a_prompt_that_went_before_it_was_written_down_leaves_nothing(database: Database) -> None:
    fill(database, make_team(database), 40)
    database.rows("DELETE FROM job_inputs WHERE prompt = 'picture 7'")
    write_down(database)
    assert written_down(database) == 39


@pytest.mark.parametrize("privacy", ["hashed", "none"])
def test_nothing_is_written_down_of_teams_that_do_not_want_it(database: Database, privacy: str) -> None:
    team = make_team(database)
    database.rows("UPDATE teams SET privacy = $1 WHERE id = $2", privacy, team.id)
    fill(database, team, 20)
    write_down(database)
    assert written_down(database) == 0


def test_an_input_without_its_job_is_left_alone(database: Database) -> None:
    fill(database, make_team(database), 100, step=timedelta(seconds=1))
    database.rows("DELETE FROM jobs WHERE id = (SELECT job_id FROM job_inputs LIMIT 1)")
    write_down(database)
    assert written_down(database) == 99


def test_words_are_written_down_by_several_at_once_and_only_once(database: Database) -> None:
    for _ in range(3):
        fill(database, make_team(database), 500, step=timedelta(seconds=1))

    async def run() -> None:
        stored = await AppDatabase.connect(database.url, pool_size=4, timeout_seconds=30)

        async def work() -> None:
            while await write_words_piece(stored):
                pass

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(work())
        await stored.close()

    asyncio.run(run())
    assert written_down(database) == 1500
    assert (
        database.value(
            "SELECT count(*) FROM prompt_watermarks w JOIN ledger l USING (team_id) WHERE l.id > w.ledger_id"
        )
        == 0
    )


def test_prompts_of_every_form_are_written_down(database: Database) -> None:
    team = make_team(database)
    fill(database, team, 20)
    for number, prompt in enumerate(["'; DROP", "x" * 50_000, "一只猫 " * 9_000, "\\'\\", "", f"{uuid4()}"]):
        database.rows("UPDATE job_inputs SET prompt = $1 WHERE prompt = $2", prompt, f"picture {number}")
    database.rows("UPDATE job_inputs SET prompt = NULL WHERE prompt = 'picture 9'")
    write_down(database)
    assert written_down(database) == 18
