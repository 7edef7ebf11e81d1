"""Teams, keys and their limits from the command line."""

import asyncio
import getpass
import json
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.callers.key_material import is_well_formed
from app.cli.first_steps import FirstSteps, prepare
from app.settings import Settings
from tests.support.administration import administer
from tests.support.database import Database
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER

Run = Callable[..., subprocess.CompletedProcess[str]]

LIMITS = ("--rpm", "60", "--max-in-flight", "5", "--budget-usd", "12.5", "--budget-period", "day")
MODELS = ("--model", "fal-ai/flux-1/*", "--model", "fal-ai/flux-pro/kontext")
SHOWN = {
    "requests_per_minute": 60,
    "max_in_flight": 5,
    "budget_usd": "12.500000",
    "budget_period": "day",
    "models": ["fal-ai/flux-1/*", "fal-ai/flux-pro/kontext"],
}
NO_LIMITS = dict.fromkeys(SHOWN) | {"budget_period": "month", "expires_at": None}


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs `fluxgate` on the test's database."""
    own = {"database_url": database.url, "key_pepper": PEPPER}
    return lambda *words: run_fluxgate(tmp_path, *words, settings=own)


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_limits_are_given_changed_and_taken_away(run: Run, database: Database) -> None:
    team = document(run("teams", "create", "painters", *LIMITS, *MODELS, "--json"))
    assert {name: team[name] for name in SHOWN} == SHOWN
    key = document(
        run(
            "keys",
            "create",
            "--team",
            "painters",
            "--name",
            "brush",
            *LIMITS,
            *MODELS,
            "--expires-in",
            "30d",
            "--json",
        )
    )
    assert {name: key[name] for name in SHOWN} == SHOWN
    expires_at = datetime.fromisoformat(key["expires_at"])
    assert timedelta(days=29, hours=23) < expires_at - datetime.now(UTC) <= timedelta(days=30)

    changed = document(
        run("teams", "change", "painters", "--budget-usd", "20", "--name", "sculptors", "--json")
    )
    assert {name: changed[name] for name in SHOWN} == SHOWN | {"budget_usd": "20.000000"}
    assert (changed["id"], changed["name"]) == (team["id"], "sculptors")
    none = [
        word
        for option in ("--rpm", "--max-in-flight", "--budget-usd", "--model", "--expires-in")
        for word in (option, "none")
    ]
    changed = document(run("keys", "change", key["id"], *none, "--budget-period", "month", "--json"))
    assert {name: changed[name] for name in NO_LIMITS} == NO_LIMITS
    assert changed["name"] == "brush"

    [listed] = document(run("teams", "list", "--json"))["items"]
    assert {name: listed[name] for name in ("name", "budget_usd")} == {
        "name": "sculptors",
        "budget_usd": "20.000000",
    }
    assert run("teams", "list").stdout.splitlines()[1].split()[1] == "sculptors"
    assert document(run("keys", "list", "--team", "sculptors", "--json"))["items"] == [changed]
    assert document(run("teams", "revoke", "sculptors", "--json"))["revoked_at"] is not None
    assert run("keys", "create", "--team", "sculptors", "--name", "late").returncode == 1
    assert database.value("SELECT count(*) FROM audit_trail") == 5


def test_the_trail_says_who_was_at_the_command_line(run: Run) -> None:
    assert run("teams", "create", "painters").returncode == 0
    [change] = document(run("audit", "list", "--json"))["items"]
    assert change["actor"] == f"cli:{getpass.getuser()}@{socket.gethostname()}"
    assert change["action"] in run("audit", "list").stdout
    line = run("audit", "verify").stdout
    assert line.startswith("The trail is whole; rows: 1; head: 1:")


def test_names_are_stored_as_unicode_normalises_them(run: Run) -> None:
    assert document(run("teams", "create", " ﬁne  ", "--json"))["name"] == "fine"
    again = run("teams", "create", "fine")
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    "words",
    [
        ("--rpm", "0"),
        ("--rpm", "many"),
        ("--rpm", "1000001"),
        ("--max-in-flight", "-1"),
        ("--budget-usd", "free"),
        ("--budget-usd", "-1"),
        ("--budget-usd", "0.0000001"),
        ("--budget-period", "week"),
        ("--model", ""),
        ("--model", "a b"),
        ("--model", "none", "--model", "x y"),
        ("--expires-in", "soon"),
        ("--expires-in", "0d"),
        ("--expires-in", "-5d"),
        ("--expires-in", "999999d"),
        ("--expires-in", "٣d"),
        ("--colour", "red"),
    ],
    ids=" ".join,
)
def test_a_wrong_limit_is_bad_usage_and_touches_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_fluxgate(tmp_path, "teams", "create", "painters", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert words[0] in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ("teams", "change", "nobody", "--rpm", "5"),
        ("teams", "revoke", "nobody"),
        ("keys", "change", "0190a0b0-0000-7000-8000-000000000000", "--rpm", "5"),
        ("keys", "list", "--team", "nobody"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_exits_with_1_and_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)


def test_long_listings_are_whole(run: Run, database: Database) -> None:
    statement = """
        WITH teams_made AS (
            INSERT INTO teams (id, name)
            SELECT gen_random_uuid(), 'team ' || n FROM generate_series(1, 250) AS n RETURNING id
        )
        INSERT INTO allowances (scope_id, scope) SELECT id, 'team' FROM teams_made
    """
    database.rows(statement)
    names = [item["name"] for item in document(run("teams", "list", "--json"))["items"]]
    assert sorted(names) == sorted(f"team {number}" for number in range(1, 251))


def test_the_first_team_and_key_have_allowances_and_stand_in_the_trail(
    database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(database.url),
        key_pepper=SecretStr(PEPPER),
        data_dir=tmp_path,
    )
    steps = asyncio.run(prepare(settings, with_caller_key=True))
    assert steps.admin_key is not None
    assert steps.caller_key is not None
    assert is_well_formed(steps.caller_key)
    scopes = database.rows("SELECT scope FROM allowances ORDER BY scope")
    assert [row["scope"] for row in scopes] == ["key", "team"]
    actions = database.rows("SELECT action FROM audit_trail ORDER BY id")
    assert [row["action"] for row in actions] == ["team.create", "key.create"]
    assert administer(database, lambda admin: admin.trail.verify(admin.database)).is_whole
    assert steps.admin_key not in str(database.rows("SELECT * FROM installation"))
    assert asyncio.run(prepare(settings, with_caller_key=True)) == FirstSteps(None, None)


@pytest.mark.parametrize("what", ["teams", "keys"])
def test_a_change_of_nothing_is_bad_usage(run: Run, what: str) -> None:
    done = run(what, "change", "01a205a6-12ef-70ce-8a0a-5544526ab7d0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "say what to change" in done.stderr
