"""`fluxgate ledger check`: says where counters, costs and usage are not what the ledger says."""

from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import orjson
import pytest

from app.audit.roll_up import roll_up
from tests.support.database import Database
from tests.support.gateway import Gateway
from tests.support.history import ROUND, Team, fill, make_team, sums_over, with_app_database
from tests.support.processes import run_fluxgate

# What the gateway would have counted beside these jobs, in a window that has no beginning.
COUNT = """
    UPDATE allowances a SET window_start = '2026-01-01Z', reserved_micros = used.reserved,
        spent_micros = used.spent, images = used.images, in_flight = used.in_flight
    FROM (
        SELECT scope_id, COALESCE(sum(reserved_micros) FILTER (WHERE completed_at IS NULL), 0) AS reserved,
            sum(COALESCE(cost_micros, 0)) AS spent,
            sum(CASE WHEN completed_at IS NULL THEN images_asked ELSE images END) AS images,
            count(*) FILTER (WHERE completed_at IS NULL) AS in_flight
        FROM jobs CROSS JOIN LATERAL (VALUES (team_id), (key_id)) AS scopes (scope_id)
        WHERE source_job_id IS NULL GROUP BY scope_id
    ) AS used WHERE a.scope_id = used.scope_id
"""


@pytest.fixture
def team(database: Database) -> Team:
    """A team whose counters and sums are right."""
    team = make_team(database)
    fill(database, team, 5 * ROUND)
    database.rows(COUNT)
    with_app_database(database, roll_up)
    return team


def check(database: Database, directory: Path, *options: str) -> tuple[int, list[dict[str, Any]]]:
    done = run_fluxgate(
        directory, "ledger", "check", "--json", *options, settings={"database_url": database.url}
    )
    assert "Traceback" not in done.stderr
    return done.returncode, orjson.loads(done.stdout)["items"]


def plain(database: Database, directory: Path, *options: str) -> CompletedProcess[str]:
    return run_fluxgate(directory, "ledger", "check", *options, settings={"database_url": database.url})


def test_nothing_differs_where_all_is_well(database: Database, team: Team, tmp_path: Path) -> None:
    fill(database, team, ROUND)
    database.rows(COUNT)
    assert check(database, tmp_path) == (0, [])
    assert plain(database, tmp_path).stdout == "Counters, costs and usage are what the ledger says.\n"


# A change that nobody should make, and where it is seen: place, and which of its values.
FAULTS = {
    "spent": (
        "UPDATE allowances SET spent_micros = spent_micros + 1 WHERE scope = 'team'",
        [("allowance", "spent_usd")],
    ),
    "reserved": (
        "UPDATE allowances SET reserved_micros = reserved_micros - 1 WHERE scope = 'team'",
        [("allowance", "reserved_usd")],
    ),
    "images": ("UPDATE allowances SET images = 0 WHERE scope = 'team'", [("allowance", "images")]),
    "in flight": (
        "UPDATE allowances SET in_flight = in_flight + 1 WHERE scope = 'key'",
        [("allowance", "in_flight"), ("allowance", "in_flight")],
    ),
    "the window": (
        "UPDATE allowances SET window_start = '2026-03-02T00:59:00Z' WHERE scope = 'team'",
        [("allowance", "images"), ("allowance", "reserved_usd"), ("allowance", "spent_usd")],
    ),
    "usage": (
        """UPDATE usage_daily SET images = images + 1 WHERE end_user = 'dee' AND model = 'fal-ai/flux-1/dev'
        AND key_id = (SELECT id FROM api_keys WHERE name = 'key 1')""",
        [("usage", "images")],
    ),
    "a lost line of usage": (
        "DELETE FROM usage_daily WHERE model = 'fal-ai/flux-1/dev'",
        [("usage", "jobs"), ("usage", "succeeded")],
    ),
    "usage of nobody": (
        """INSERT INTO usage_daily SELECT gen_random_uuid(), day, key_id, model, end_user, 0, 0, 0, 0, 5, 0, 0
        FROM usage_daily LIMIT 1""",
        [("usage", "cost_micros")],
    ),
    "a cost": (
        "UPDATE jobs SET cost_micros = cost_micros + 1 WHERE state = 'lost'",
        [("job", "cost_usd"), ("usage", "cost_micros")],
    ),
    "a cost that is not known": (
        "UPDATE jobs SET cost_micros = 0 WHERE cost_micros IS NULL AND state = 'succeeded'",
        [("job", "cost_usd"), ("usage", "unpriced")],
    ),
    "a job without a reservation": (
        """DELETE FROM ledger WHERE kind = 'reserve'
        AND job_id IN (SELECT id FROM jobs WHERE state = 'failed')""",
        [("allowance", "reserved_usd"), ("job", "ledger")],
    ),
    "a job that was not settled": (
        """DELETE FROM ledger WHERE kind = 'release'
        AND job_id IN (SELECT id FROM jobs WHERE state = 'failed')""",
        [("allowance", "reserved_usd"), ("job", "ledger")],
    ),
    "a reservation that was not given back": (
        "UPDATE ledger SET reserved_micros = 0 WHERE kind = 'release'",
        [("allowance", "reserved_usd"), ("job", "ledger")],
    ),
    "an entry of no job": (
        """INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
        SELECT id, gen_random_uuid(), 'charge', 0, 5, now() FROM teams""",
        [("entry", "job_id")],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_where_it_is(database: Database, team: Team, tmp_path: Path, name: str) -> None:
    statement, expected = FAULTS[name]
    database.rows(statement)
    code, items = check(database, tmp_path)
    assert code == 1
    found = {(item["where"], item["what"]) for item in items}
    assert set(expected) <= found
    assert {where for where, _ in found} == {where for where, _ in expected}
    if name in ("spent", "reserved"):
        [item] = items
        assert team.name in item["subject"]
        assert abs(int(item["stored"].replace(".", "")) - int(item["expected"].replace(".", ""))) == 1


@pytest.mark.usefixtures("team")
def test_counters_and_sums_are_repaired_and_the_ledger_is_not_touched(
    database: Database, tmp_path: Path
) -> None:
    before = database.rows("SELECT * FROM ledger ORDER BY team_id, id")
    for name in ("spent", "images", "in flight", "usage", "usage of nobody"):
        database.rows(FAULTS[name][0])
    code, items = check(database, tmp_path, "--repair")
    assert (code, len(items) >= 5) == (0, True)
    assert check(database, tmp_path) == (0, [])
    assert database.rows("SELECT * FROM ledger ORDER BY team_id, id") == before
    # The window that is counted anew is the present one, in which nothing was used.
    [row] = database.rows("SELECT * FROM allowances WHERE scope = 'team'")
    assert (row["spent_micros"], row["in_flight"]) == (0, 5)


@pytest.mark.usefixtures("team")
def test_what_people_must_look_at_is_not_repaired(database: Database, tmp_path: Path) -> None:
    database.rows(FAULTS["a cost"][0])
    database.rows(FAULTS["spent"][0])
    done = plain(database, tmp_path, "--repair")
    assert done.returncode == 1
    assert "repaired" in done.stdout.splitlines()[-1]
    code, items = check(database, tmp_path)
    assert (code, {item["where"] for item in items}) == (1, {"job", "usage"})


def test_a_gateway_at_work_makes_no_difference(gateway: Gateway, tmp_path: Path, prompt: str) -> None:
    team = make_team(gateway.database)
    with gateway.caller(team.secret) as caller:
        open_job = caller.job(f"{prompt} [slow 60]", seed=4)
        joined = caller.job(f"{prompt} [slow 60]", seed=4)
        made = caller.job(prompt, seed=5)
        caller.wait(made)
        caller.job(prompt, seed=5)
        caller.wait(caller.job(f"{prompt} [fail 500]"))
        _, items = check(gateway.database, tmp_path)
        ours = (team.name, open_job, joined, made)
        assert [item for item in items if any(word in item["subject"] for word in ours)] == []
        caller.cancel(open_job)
    jobs = gateway.database.rows("SELECT * FROM jobs WHERE team_id = $1", team.id)
    assert sums_over(jobs, lambda job: job["cache"])["HIT"]["saved_micros"] > 0
