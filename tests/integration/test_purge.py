"""The purge: what goes and when, what stays, and that the money is still explained afterwards."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest

from app.audit.roll_up import rebuild_usage, roll_up
from app.audit.usage_check import check_usage
from app.billing import allowance_repository
from app.billing.ledger_check import check_ledger
from app.retention.statements import JOBS, JOBS_AT_ONCE, PAYLOADS
from app.storage.postgres import Database as AppDatabase
from tests.support.database import Database, under_way
from tests.support.history import ROUND, Team, fill, make_team, stored_sums, with_app_database
from tests.support.processes import run_fluxgate
from tests.support.retention import DIGESTS, purge, purge_all, retention_on
from tests.support.stores import PEPPER

DAY = timedelta(days=1)
# Of twenty jobs in a row two are open, and one is lost and nobody has settled it; see `history.py`.
OPEN, LOST = 2, 1
# The job that an open one waits for has to stay, too; the one that answered another goes with that one.
WAITED_FOR = 1

# What the gateway would have counted beside these jobs.
COUNT = """
    UPDATE allowances a SET window_start = $1, reserved_micros = used.reserved, spent_micros = used.spent,
        images = used.images, in_flight = used.in_flight
    FROM (
        SELECT scope_id,
            COALESCE(sum(reserved_micros) FILTER (WHERE completed_at IS NULL AND is_now), 0) AS reserved,
            sum(COALESCE(cost_micros, 0)) FILTER (WHERE is_now) AS spent,
            sum(CASE WHEN completed_at IS NULL THEN images_asked ELSE images END) FILTER (WHERE is_now)
                AS images,
            count(*) FILTER (WHERE completed_at IS NULL) AS in_flight
        FROM jobs CROSS JOIN LATERAL (VALUES (team_id), (key_id)) AS scopes (scope_id)
        CROSS JOIN LATERAL (SELECT created_at >= $1 AS is_now) AS windows
        WHERE source_job_id IS NULL GROUP BY scope_id
    ) AS used WHERE a.scope_id = used.scope_id
"""
LEFT = "SELECT count(*) FROM jobs WHERE team_id = $1 AND created_at < $2"
MIDNIGHT = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = datetime(2026, 3, 2, tzinfo=UTC)


def say(database: Database, team: Team, **policy: object) -> None:
    for name, value in policy.items():
        database.rows(f"UPDATE teams SET {name} = $2 WHERE id = $1", team.id, value)


def count(database: Database, table: str) -> int:
    return int(database.value(f"SELECT count(*) FROM {table}"))


def check(database: Database) -> list[tuple[str, str]]:
    """What `fluxgate ledger check` finds: where, and which value."""

    async def ask(app: AppDatabase) -> list[tuple[str, str]]:
        found = [*await check_ledger(app), *await check_usage(app)]
        return sorted((one.where, one.what) for one in found)

    return list(with_app_database(database, ask))


def purged(database: Database, team: Team) -> list[dict[str, Any]]:
    return database.rows("SELECT * FROM jobs WHERE team_id = $1 AND purged_at IS NOT NULL", team.id)


# Payloads


def test_only_the_payloads_of_teams_that_say_so_go_and_only_after_their_time(database: Database) -> None:
    strict, mild, silent = (make_team(database) for _ in range(3))
    say(database, strict, payload_days=1)
    say(database, mild, payload_days=10)
    for team in (strict, mild, silent):
        fill(database, team, ROUND, starts_at=datetime.now(UTC) - 2 * DAY)
        fill(database, team, ROUND, starts_at=datetime.now(UTC) - DAY / 2)
    purge(database)
    assert purged(database, mild) == purged(database, silent) == []
    gone = purged(database, strict)
    assert len(gone) == ROUND - OPEN - WAITED_FOR
    assert all(row["created_at"] < datetime.now(UTC) - DAY for row in gone)
    kept = database.rows(
        "SELECT j.id FROM jobs j JOIN job_inputs i ON i.job_id = j.id WHERE j.purged_at IS NOT NULL"
    )
    assert kept == []
    assert count(database, "job_inputs") == 6 * ROUND - len(gone)
    assert count(database, "payload_digests") == 0


def test_the_setting_counts_where_a_team_says_nothing(database: Database) -> None:
    silent, patient = make_team(database), make_team(database)
    say(database, patient, payload_days=36_500)
    for team in (silent, patient):
        fill(database, team, ROUND)
    purge(database, payload_days=1)
    assert len(purged(database, silent)) == ROUND - OPEN - WAITED_FOR
    assert purged(database, patient) == []


def test_every_word_beside_a_payload_goes_with_it(database: Database) -> None:
    team = make_team(database)
    say(database, team, privacy="none")
    fill(database, team, ROUND)
    database.rows(
        "UPDATE jobs SET logs = '[]', metrics = '{}', error = 'no cat' WHERE completed_at IS NOT NULL"
    )
    database.rows(
        "INSERT INTO job_events (job_id, at, to_state, note) SELECT id, now(), state, 'no cat' FROM jobs"
    )
    database.rows("UPDATE ledger SET note = 'no cat'")
    database.rows(
        """INSERT INTO prompt_words (job_id, words) SELECT job_id, to_tsvector('simple', prompt)
        FROM job_inputs"""
    )
    lost = database.value("SELECT id FROM jobs WHERE state = 'lost'")
    database.rows(
        """INSERT INTO ledger (team_id, job_id, kind, spent_micros, at, note)
        VALUES ($1, $2, 'adjust', 0, now(), 'found in the bill')""",
        team.id,
        lost,
    )
    purge(database)
    gone = [row["id"] for row in purged(database, team)]
    assert len(gone) == ROUND - OPEN - WAITED_FOR
    assert all(row["logs"] is row["metrics"] is row["error"] is None for row in purged(database, team))
    for table in ("job_inputs", "job_results", "job_uploads", "prompt_words"):
        assert database.value(f"SELECT count(*) FROM {table} WHERE job_id = ANY($1)", gone) == 0
    notes = "SELECT DISTINCT note FROM {} WHERE job_id = ANY($1) AND note IS NOT NULL"
    assert database.rows(notes.format("job_events"), gone) == []
    assert database.rows(notes.format("ledger"), gone) == [{"note": "found in the bill"}]
    assert count(database, "payload_digests") == 0


def test_digests_are_kept_keyed_by_team_and_found_by_the_prompt(database: Database, tmp_path: Path) -> None:
    team, other = make_team(database), make_team(database)
    for one in (team, other):
        say(database, one, privacy="hashed")
        fill(database, one, ROUND)
    [row] = database.rows(
        "SELECT j.id, i.input FROM jobs j JOIN job_inputs i ON i.job_id = j.id"
        " WHERE j.team_id = $1 AND i.prompt = 'picture 9'",
        team.id,
    )
    body = bytes(database.value("SELECT body FROM job_results WHERE job_id = $1", row["id"]))
    purge(database)
    assert count(database, "payload_digests") == 2 * (ROUND - OPEN - WAITED_FOR)
    [kept] = database.rows("SELECT * FROM payload_digests WHERE job_id = $1", row["id"])
    assert kept["prompt"] == DIGESTS.of_text(team.id, "picture 9")
    assert kept["input"] == DIGESTS.of_text(team.id, row["input"])
    assert kept["result"] == DIGESTS.of_text(team.id, body.decode())
    assert DIGESTS.of_text(team.id, "picture 9") != DIGESTS.of_text(other.id, "picture 9")

    def found(prompt: str) -> list[str]:
        own = {"database_url": database.url, "key_pepper": PEPPER}
        words = ("prompts", "find", "--team", team.name, "--json")
        done = run_fluxgate(tmp_path, *words, settings=own, told=prompt)
        assert (done.returncode, done.stderr) == (0, "")
        return [item["id"] for item in orjson.loads(done.stdout)["items"]]

    assert found("picture 9\n") == [str(row["id"])]
    assert found("picture 99") == []


def test_digests_go_when_a_team_keeps_nothing_any_more_or_after_its_days(database: Database) -> None:
    stricter, ending, staying = (make_team(database) for _ in range(3))
    for team in (stricter, ending, staying):
        say(database, team, privacy="hashed")
        fill(database, team, ROUND)
    purge(database)
    number = ROUND - OPEN - WAITED_FOR
    assert count(database, "payload_digests") == 3 * number
    say(database, stricter, privacy="none")
    say(database, ending, payload_days=5)
    purge(database)
    left = database.rows("SELECT DISTINCT team_id FROM payload_digests")
    assert left == [{"team_id": staying.id}]
    assert count(database, "payload_digests") == number


def test_a_stricter_policy_counts_for_what_is_stored(database: Database) -> None:
    team = make_team(database)
    say(database, team, payload_days=5)
    fill(database, team, ROUND, starts_at=datetime.now(UTC) - 7 * DAY)
    fill(database, team, ROUND, starts_at=datetime.now(UTC) - 2 * DAY)
    purge(database)
    assert len(purged(database, team)) == ROUND - OPEN - WAITED_FOR
    say(database, team, privacy="none")
    purge(database)
    assert len(purged(database, team)) == 2 * (ROUND - OPEN - WAITED_FOR)


# What is unfinished

OWE = """
    INSERT INTO work (kind, job_id, due_at, attempts, epoch, is_leased)
    VALUES ('{kind}', $1, now(), 0, 1, false)
"""
HOLDS: dict[str, tuple[str, str]] = {
    "it is followed": (
        OWE.format(kind="follow"),
        "DELETE FROM work WHERE job_id = $1 AND kind = 'follow'",
    ),
    "its pictures are to be copied": (
        OWE.format(kind="archive"),
        "DELETE FROM work WHERE job_id = $1 AND kind = 'archive'",
    ),
    "its webhook is to be delivered": (
        """INSERT INTO deliveries (job_id, team_id, url, state, created_at)
        SELECT id, team_id, 'https://example.org', 'pending', now() FROM jobs WHERE id = $1""",
        "UPDATE deliveries SET state = 'delivered' WHERE job_id = $1",
    ),
    "another one waits for its answer": (
        "UPDATE jobs SET source_job_id = $1 WHERE state = 'queued' AND source_job_id IS NULL",
        "UPDATE jobs SET source_job_id = NULL WHERE source_job_id = $1",
    ),
    "another one was answered by it a moment ago": (
        """UPDATE jobs SET source_job_id = $1, state = 'succeeded', completed_at = now()
        WHERE state = 'queued' AND source_job_id IS NULL""",
        "UPDATE jobs SET source_job_id = NULL WHERE source_job_id = $1",
    ),
}


@pytest.mark.parametrize("why", list(HOLDS))
def test_what_is_unfinished_stays_and_goes_when_it_is_finished(database: Database, why: str) -> None:
    team = make_team(database)
    say(database, team, privacy="none", job_days=1)
    fill(database, team, ROUND)
    with_app_database(database, roll_up)
    job_id = database.value("SELECT id FROM jobs WHERE state = 'succeeded' AND images_asked = 1 LIMIT 1")
    hold, release = HOLDS[why]
    database.rows(hold, job_id)
    purge(database)
    [row] = database.rows("SELECT purged_at FROM jobs WHERE id = $1", job_id)
    assert row["purged_at"] is None
    assert database.value("SELECT count(*) FROM job_results WHERE job_id = $1", job_id) == 1
    database.rows(release, job_id)
    purge(database)
    assert database.rows("SELECT 1 FROM jobs WHERE id = $1", job_id) == []
    assert database.value("SELECT count(*) FROM work WHERE kind LIKE 'purge%' AND job_id = $1", job_id) == 0


def test_open_jobs_are_never_touched(database: Database) -> None:
    team = make_team(database)
    say(database, team, privacy="none", payload_days=1, job_days=1)
    fill(database, team, 5 * ROUND)
    with_app_database(database, roll_up)
    waited_for = "SELECT source_job_id FROM jobs WHERE completed_at IS NULL AND source_job_id IS NOT NULL"
    expected = {row["id"] for row in database.rows("SELECT id FROM jobs WHERE completed_at IS NULL")}
    expected |= {row["source_job_id"] for row in database.rows(waited_for)}
    purge(database)
    held = {row["id"] for row in database.rows("SELECT id FROM jobs WHERE purged_at IS NULL")}
    assert held == expected
    assert count(database, "job_inputs") == len(expected)


def test_a_job_that_ends_late_goes_at_its_own_time(database: Database) -> None:
    team = make_team(database)
    say(database, team, privacy="none")
    fill(database, team, ROUND)
    database.rows("UPDATE jobs SET completed_at = now() - interval '20 s' WHERE state = 'failed'")
    purge(database, grace_seconds=60)
    late = "SELECT purged_at FROM jobs WHERE state = 'failed'"
    assert database.value(late) is None
    wait = database.value(
        "SELECT extract(epoch FROM due_at - now())::float8 FROM work w JOIN jobs j ON j.id = w.job_id"
        " WHERE w.kind = 'purge payload' AND j.state = 'failed'"
    )
    assert 0 < wait <= 41
    database.rows("UPDATE jobs SET completed_at = completed_at - interval '41 s' WHERE state = 'failed'")
    purge(database, grace_seconds=60)
    assert database.value(late) is not None


# Whole jobs


@pytest.fixture
def counted(database: Database) -> Team:
    """A team whose jobs of three days have been counted everywhere."""
    team = make_team(database)
    for days in (9, 6, 0):
        fill(database, team, 5 * ROUND, starts_at=MIDNIGHT - days * DAY, step=timedelta(seconds=1))
    database.rows(COUNT, MIDNIGHT - 8 * DAY)
    with_app_database(database, roll_up)
    return team


def test_jobs_go_and_the_money_stays_explained(database: Database, counted: Team) -> None:
    assert check(database) == []
    before, entries = stored_sums(database), count(database, "ledger")
    totals = database.rows("SELECT sum(spent_micros) AS spent, sum(reserved_micros) AS held FROM ledger")
    say(database, counted, job_days=3)
    purge(database)
    stays = 2 * 5 * (OPEN + LOST + WAITED_FOR)
    assert database.value(LEFT, counted.id, MIDNIGHT - 2 * DAY) == stays
    assert database.value("SELECT count(*) FROM jobs") == stays + 5 * ROUND
    for table in ("job_inputs", "work", "job_events", "deliveries"):
        orphans = f"SELECT count(*) FROM {table} x LEFT JOIN jobs j ON j.id = x.job_id WHERE j.id IS NULL"
        assert database.value(orphans) == 0
    assert count(database, "ledger") == entries
    assert totals == database.rows(
        "SELECT sum(spent_micros) AS spent, sum(reserved_micros) AS held FROM ledger"
    )
    assert stored_sums(database) == before
    assert check(database) == []

    with_app_database(database, rebuild_usage)
    assert stored_sums(database) == before
    allowances = (
        "SELECT scope_id, spent_micros, reserved_micros, images, in_flight FROM allowances ORDER BY 1"
    )
    counters = database.rows(allowances)
    database.rows("UPDATE allowances SET spent_micros = 7, images = 7, reserved_micros = 7, in_flight = 7")
    database.rows("UPDATE allowances SET budget_period = 'total'")

    async def count_anew(app: AppDatabase) -> None:
        for row in counters:
            async with app.transaction() as transaction:
                await allowance_repository.rebuild(transaction, row["scope_id"])

    with_app_database(database, count_anew)
    of_all = database.rows(allowances)
    assert {row["in_flight"] for row in of_all} == {row["in_flight"] for row in counters}
    team_spent = next(row["spent_micros"] for row in of_all if row["scope_id"] == counted.id)
    assert team_spent == database.value("SELECT sum(spent_micros)::bigint FROM ledger")
    assert check(database) == []


def test_jobs_that_are_in_no_sum_yet_stay(database: Database) -> None:
    """Neither those behind a team's watermark nor those of a team that has none."""
    team = make_team(database)
    fill(database, team, ROUND)
    with_app_database(database, roll_up)
    fill(database, team, ROUND, starts_at=LONG_AGO + DAY)
    other = make_team(database)
    fill(database, other, ROUND)
    purge(database, job_days=1)
    stays = OPEN + LOST + WAITED_FOR
    assert count(database, "jobs") == stays + 2 * ROUND
    with_app_database(database, roll_up)
    purge(database, job_days=1)
    assert count(database, "jobs") == 3 * stays


def test_nothing_goes_while_all_sums_are_made_anew(database: Database, counted: Team) -> None:
    say(database, counted, job_days=3)
    with under_way(database, "SELECT 1 FROM usage_watermarks WHERE team_id = $1 FOR UPDATE", counted.id):
        purge(database)
        assert database.value("SELECT count(*) FROM usage_purged") == 0
    purge(database)
    assert database.value("SELECT count(*) FROM usage_purged") > 0


def test_a_lost_job_goes_once_it_is_settled_and_a_tokens_jobs_with_its_allowance(database: Database) -> None:
    team, token = make_team(database), uuid4()
    say(database, team, job_days=1)
    fill(database, team, ROUND)
    database.rows("UPDATE jobs SET token_id = $1 WHERE state = 'failed'", token)
    database.rows("INSERT INTO allowances (scope_id, scope) VALUES ($1, 'token')", token)
    with_app_database(database, roll_up)
    held = "SELECT DISTINCT state FROM jobs WHERE state IN ('lost', 'failed') ORDER BY 1"
    purge(database)
    assert [row["state"] for row in database.rows(held)] == ["failed", "lost"]
    database.rows("DELETE FROM allowances WHERE scope_id = $1", token)
    database.rows(
        "INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)"
        " SELECT team_id, id, 'adjust', 0, 0, now() FROM jobs WHERE state = 'lost'"
    )
    with_app_database(database, roll_up)
    purge(database)
    assert database.rows(held) == []


FAULTS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "a purged job that nobody noted": (
        "UPDATE usage_purged SET jobs = jobs - 1 WHERE ctid = (SELECT ctid FROM usage_purged LIMIT 1)",
        [("purged", "jobs"), ("usage", "jobs")],
    ),
    "another cost": (
        """UPDATE usage_purged SET cost_micros = cost_micros + 1
        WHERE ctid = (SELECT ctid FROM usage_purged WHERE day < now() - interval '8 days' LIMIT 1)""",
        [("purged", "cost_usd"), ("usage", "cost_micros")],
    ),
    "a job that went by hand": (
        """DELETE FROM jobs
        WHERE id = (SELECT id FROM jobs WHERE state = 'cancelled' ORDER BY id DESC LIMIT 1)""",
        [("entry", "job_id"), ("entry", "job_id"), ("usage", "jobs")],
    ),
    "an entry of a purged job": (
        """DELETE FROM ledger WHERE kind = 'charge' AND job_id = (
            SELECT l.job_id FROM ledger l LEFT JOIN jobs j ON j.id = l.job_id
            WHERE j.id IS NULL AND l.spent_micros > 0 LIMIT 1)""",
        [("purged", "cost_usd"), ("purged", "not settled")],
    ),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_what_is_not_right_about_purged_jobs_is_seen(database: Database, counted: Team, fault: str) -> None:
    say(database, counted, job_days=3)
    purge(database)
    statement, seen = FAULTS[fault]
    database.rows(statement)
    assert check(database) == seen


def test_pictures_of_a_job_are_forgotten_with_it(database: Database) -> None:
    team = make_team(database)
    say(database, team, job_days=1)
    fill(database, team, ROUND)
    database.rows(
        """INSERT INTO images (job_id, place, team_id, state, created_at)
        SELECT id, 0, team_id, 'failed', now() FROM jobs"""
    )
    with_app_database(database, roll_up)
    purge(database)
    left = "SELECT count(*) FROM images i LEFT JOIN jobs j ON j.id = i.job_id WHERE {}"
    assert database.value(left.format("j.id IS NULL")) == 0
    assert database.value(left.format("j.id IS NOT NULL")) == OPEN + LOST + WAITED_FOR


# Webhooks


def test_what_became_of_webhooks_goes_after_its_days_and_what_is_pending_stays(database: Database) -> None:
    team = make_team(database)
    fill(database, team, ROUND, starts_at=datetime.now(UTC) - 40 * DAY)
    fill(database, team, ROUND, starts_at=datetime.now(UTC) - 20 * DAY)
    database.rows(
        """INSERT INTO deliveries (job_id, team_id, url, state, created_at)
        SELECT id, team_id, 'https://example.org',
            CASE state WHEN 'failed' THEN 'pending' ELSE 'delivered' END, created_at
        FROM jobs"""
    )
    database.rows(
        """INSERT INTO delivery_attempts (job_id, at, milliseconds)
        SELECT job_id, created_at, 5 FROM deliveries"""
    )
    purge(database)
    assert count(database, "deliveries") == count(database, "delivery_attempts") == ROUND + 1
    purge(database, delivery_days=10)
    assert [row["state"] for row in database.rows("SELECT state FROM deliveries")] == ["pending"] * 2
    assert count(database, "jobs") == 2 * ROUND


# Many jobs


def test_a_step_is_bounded_and_several_processes_share_the_work(database: Database) -> None:
    teams = [make_team(database) for _ in range(3)]
    for team in teams:
        fill(database, team, 6 * JOBS_AT_ONCE, step=timedelta(seconds=1))
    say(database, teams[0], privacy="hashed")
    say(database, teams[1], job_days=1)
    with_app_database(database, roll_up)
    number = 6 * JOBS_AT_ONCE

    async def first(app: AppDatabase) -> None:
        retention = retention_on(app)
        for kind in (PAYLOADS, JOBS):
            [due] = await retention.due(kind)
            step = await retention.step(kind, due)
            assert step.is_more
            assert 0 < step.gone <= JOBS_AT_ONCE

    async def together(app: AppDatabase) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(purge_all(retention_on(app)))

    with_app_database(database, first)
    with_app_database(database, together)
    purge(database)
    expected = number * (ROUND - OPEN - WAITED_FOR) // ROUND
    assert len(purged(database, teams[0])) == expected == count(database, "payload_digests")
    stays = number * (OPEN + LOST + WAITED_FOR) // ROUND
    assert database.value("SELECT count(*) FROM jobs WHERE team_id = $1", teams[1].id) == stays
    assert purged(database, teams[2]) == []
    assert database.value("SELECT sum(jobs) FROM usage_purged") == number - stays


def test_what_others_hold_is_passed_over_and_taken_later(database: Database) -> None:
    team = make_team(database)
    say(database, team, privacy="none")
    fill(database, team, ROUND)
    hold = "SELECT 1 FROM jobs WHERE state = 'failed' FOR SHARE"
    with under_way(database, hold):
        purge(database)
        assert database.value("SELECT purged_at FROM jobs WHERE state = 'failed'") is None
        assert len(purged(database, team)) == ROUND - OPEN - WAITED_FOR - 1
    purge(database)
    assert database.value("SELECT purged_at FROM jobs WHERE state = 'failed'") is not None


def plan_of(database: Database, statement: str, types: str, *values: object) -> str:
    """The plan that the gateway would have, made without the values."""

    async def ask(app: AppDatabase) -> str:
        async with app.transaction() as transaction:
            await transaction.execute(f"PREPARE asked ({types}) AS {statement}")
            told = ", ".join("NULL" if value is None else f"'{value}'" for value in values)
            rows = await transaction.execute(f"EXPLAIN (ANALYZE, COSTS OFF) EXECUTE asked ({told})")
            await transaction.execute("DEALLOCATE asked")
            return "\n".join(str(row["QUERY PLAN"]) for row in rows)

    return str(with_app_database(database, ask))


def test_among_many_jobs_only_what_is_due_is_looked_at(database: Database) -> None:
    """Twenty thousand jobs, of which a few are due; what has been looked at is not looked at again."""
    many, few = make_team(database), make_team(database)
    fill(database, many, 20_000, starts_at=datetime.now(UTC) - 2 * DAY, step=timedelta(seconds=1))
    fill(database, few, ROUND, starts_at=datetime.now(UTC) - 2 * DAY, step=timedelta(seconds=1))
    database.rows("VACUUM ANALYZE jobs")
    say(database, many, payload_days=5)
    say(database, few, payload_days=1)
    purge(database)
    assert purged(database, many) == []
    assert len(purged(database, few)) == ROUND - OPEN - WAITED_FOR

    async def again(app: AppDatabase) -> Sequence[int]:
        return [len(await retention_on(app).due(kind)) for kind in (PAYLOADS, JOBS)]

    assert with_app_database(database, again) == [0, 0]
    for kind, types, values in (
        (PAYLOADS, "float8, int, float8", (0.0, None, 60)),
        (JOBS, "float8, int", (0.0, None)),
    ):
        assert "Seq Scan on jobs" not in plan_of(database, kind.due, types, *values)


def test_a_dry_run_says_what_is_past_its_time_and_changes_nothing(database: Database, tmp_path: Path) -> None:
    team = make_team(database)
    say(database, team, payload_days=1, job_days=2)
    fill(database, team, ROUND)
    own = {"database_url": database.url, "key_pepper": PEPPER}
    with_app_database(database, roll_up)
    told = run_fluxgate(tmp_path, "purge", "--dry-run", "--json", settings=own)
    assert orjson.loads(told.stdout)["items"] == [{"team": team.name, "payloads": ROUND, "jobs": ROUND}]
    assert (count(database, "jobs"), purged(database, team)) == (ROUND, [])
    done = run_fluxgate(tmp_path, "purge", "--json", settings=own)
    # The one that answered another waits for that one, so this takes its payload alone.
    jobs = ROUND - OPEN - LOST - WAITED_FOR - 1
    assert orjson.loads(done.stdout) == {"payloads": LOST + 1, "jobs": jobs, "digests": 0, "deliveries": 0}
