"""How things stand: the numbers of the overview are those of the jobs, for each team and for all."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.audit.overview import DAYS, Month, Standing, look_at_month, look_at_present
from app.audit.overview_repository import overdue
from app.audit.overview_statements import BUDGETS, ENDED, NAMED_SERIES
from tests.support.clocks import until_today_has_room
from tests.support.database import Database
from tests.support.history import MODELS, ROUND, Team, fill, jobs_of, make_team, with_app_database


@pytest.fixture(autouse=True)
def _same_day() -> None:
    until_today_has_room()


def present(database: Database, team_id: UUID | None) -> Standing:
    found: Standing = with_app_database(database, lambda opened: look_at_present(opened, team_id))
    return found


def month(database: Database, team_id: UUID | None, dimension: str) -> Month:
    found: Month = with_app_database(database, lambda opened: look_at_month(opened, team_id, dimension))
    return found


def midnight() -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def fill_today(database: Database, team: Team, number: int) -> None:
    """Jobs of the first second of today, which has begun whenever this runs."""
    fill(database, team, number, starts_at=midnight(), step=timedelta(milliseconds=1))


def test_a_team_sees_its_own_jobs_and_the_admin_all(database: Database) -> None:
    teams = [make_team(database) for _ in range(2)]
    for team, rounds in zip(teams, (3, 5), strict=True):
        fill_today(database, team, rounds * ROUND)
        fill(database, team, ROUND, starts_at=midnight() - timedelta(days=1))
    # Two of twenty are open, fourteen succeed, three fail.
    for team_id, rounds in ((teams[0].id, 3), (teams[1].id, 5), (None, 8)):
        found = present(database, team_id)
        still_open = (rounds + (1 if team_id else 2)) * 2
        assert found.open_jobs == {"queued": still_open}
        assert (found.today["jobs"], found.today["succeeded"], found.today["failed"]) == (
            20 * rounds,
            14 * rounds,
            3 * rounds,
        )


def test_times_are_of_the_last_jobs_that_ended_and_were_made(database: Database) -> None:
    team = make_team(database)
    fill(database, team, 60 * ROUND)
    # Most were answered by another job, and at once.
    at_once = "UPDATE jobs SET completed_at = created_at, source_job_id = id WHERE model <> $1"
    database.rows(at_once, MODELS[0])
    database.rows("UPDATE jobs SET completed_at = NULL WHERE state = 'queued'")
    found = present(database, team.id).lately
    assert found["ended"] == ENDED
    assert (found["p50_seconds"], found["p95_seconds"]) == (3.0, 3.0)
    ended = [job for job in jobs_of(database, team) if job["completed_at"]][:ENDED]
    assert found["answered"] == sum(job["cache"] == "HIT" for job in ended)
    slow = ended[7]["id"]
    database.rows("UPDATE jobs SET completed_at = created_at + interval '1 h' WHERE id >= $1", slow)
    assert present(database, team.id).lately["p50_seconds"] == 3.0


def test_a_team_without_jobs_has_nothing_to_tell(database: Database) -> None:
    found = present(database, make_team(database).id)
    assert found.open_jobs == {}
    assert found.today["jobs"] == found.today["cost_micros"] == found.lately["ended"] == 0
    assert found.lately["p50_seconds"] is None


def allow(database: Database, scope_id: UUID, **columns: Any) -> None:
    for name, value in {"window_start": midnight().replace(day=1), **columns}.items():
        database.rows(f"UPDATE allowances SET {name} = $1 WHERE scope_id = $2", value, scope_id)


def test_the_fullest_budgets_come_first_and_a_page_is_enough(database: Database) -> None:
    teams = [make_team(database) for _ in range(BUDGETS + 1)]
    for spent, team in enumerate(teams[1:], 1):
        allow(database, team.id, budget_micros=100, spent_micros=spent * 3, reserved_micros=1)
    allow(database, teams[0].id, spent_micros=10**9)
    found = present(database, None)
    assert [row["name"] for row in found.budgets] == [team.name for team in teams[:0:-1]]
    assert found.has_more_budgets
    database.rows("UPDATE teams SET revoked_at = now() WHERE id = $1", teams[-1].id)
    found = present(database, None)
    assert [row["name"] for row in found.budgets][-1] == teams[0].name
    assert not found.has_more_budgets


def test_a_window_that_is_over_counts_for_nothing(database: Database) -> None:
    team = make_team(database)
    last_month = midnight().replace(day=1) - timedelta(days=3)
    allow(database, team.id, budget_micros=100, spent_micros=99, reserved_micros=1, window_start=last_month)
    [budget] = present(database, None).budgets
    assert (budget["spent_micros"], budget["reserved_micros"]) == (0, 0)
    allow(database, team.id, budget_period="total", window_start=last_month)
    [budget] = present(database, None).budgets
    assert (budget["spent_micros"], budget["reserved_micros"]) == (99, 1)


def test_a_team_sees_its_own_budget_and_those_of_its_living_keys(database: Database) -> None:
    make_team(database)
    team = make_team(database, keys=3)
    first, second, third = team.keys
    allow(database, first.id, budget_micros=100, spent_micros=10)
    allow(database, second.id, budget_micros=100, spent_micros=90)
    database.rows("UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE id = $1", third.id)
    found = [(row["scope"], row["name"]) for row in present(database, team.id).budgets]
    assert found == [("team", team.name), ("key", second.name), ("key", first.name)]


def test_days_are_told_by_the_largest_and_the_rest_in_one(database: Database) -> None:
    teams = [make_team(database, keys=1) for _ in range(NAMED_SERIES + 2)]
    for rounds, team in enumerate(teams, 1):
        fill(database, team, rounds * ROUND, starts_at=midnight() - timedelta(days=2))
    fill(database, teams[0], ROUND, starts_at=midnight() - timedelta(days=DAYS))
    present(database, None)
    found = month(database, None, "team")
    assert len(found.days) == DAYS
    jobs = {(row["day"], row["name"]): row["jobs"] for row in found.sums}
    day = (midnight() - timedelta(days=2)).date()
    told: dict[object, int] = {(day, team.name): n * ROUND for n, team in enumerate(teams[2:], 3)}
    assert jobs == {**told, (day, None): 3 * ROUND}


def test_a_team_is_told_by_its_keys_and_models_alone(database: Database) -> None:
    team, other = make_team(database), make_team(database)
    for one in (team, other):
        fill_today(database, one, 3 * ROUND)
    present(database, None)
    by_key = month(database, team.id, "key").sums
    assert {row["series"] for row in by_key} == {str(key.id) for key in team.keys}
    by_model = month(database, team.id, "model").sums
    assert {row["name"] for row in by_model} == {job["model"] for job in jobs_of(database, team)}
    assert sum(row["jobs"] for row in by_key) == sum(row["jobs"] for row in by_model) == 3 * ROUND


def test_what_nobody_takes_up_is_counted(database: Database) -> None:
    fill(database, make_team(database), ROUND)
    assert with_app_database(database, overdue) == 0
    database.rows("UPDATE work SET due_at = now() - interval '1 minute'")
    assert with_app_database(database, overdue) == 2
