"""The command line: exit codes, and with --json one document and nothing else on stdout."""

import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.callers.key_material import is_well_formed
from tests.support.database import Database
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(database: Database, tmp_path: Path) -> Run:
    """Runs `fluxgate` on the test's database."""
    own = {"database_url": database.url, "key_pepper": PEPPER}

    def command(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return run_fluxgate(tmp_path, *words, settings={**own, **settings})

    return command


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_teams_and_keys_from_creation_to_revocation(run: Run) -> None:
    team = document(run("teams", "create", "painters", "--json"))
    assert team["name"] == "painters"
    key = document(
        run("keys", "create", "--team", "painters", "--name", "brush", "--expires-in", "30d", "--json")
    )
    assert {"id", "key", "team", "name", "expires_at"} <= key.keys()
    assert (key["team"], key["name"]) == ("painters", "brush")
    assert is_well_formed(key["key"])

    listed = document(run("keys", "list", "--json"))
    assert [item["id"] for item in listed["items"]] == [key["id"]]
    assert listed["next_cursor"] is None
    assert key["key"] not in str(listed)

    revoked = document(run("keys", "revoke", key["id"], "--json"))
    assert revoked["id"] == key["id"]
    [item] = document(run("keys", "list", "--json"))["items"]
    assert item["revoked_at"] == revoked["revoked_at"]
    assert document(run("keys", "revoke", key["id"], "--json")) == revoked


def test_people_are_shown_the_key_alone_and_a_table(run: Run) -> None:
    assert run("teams", "create", "painters").stdout == "Team painters created.\n"
    key = run("keys", "create", "--team", "painters", "--name", "brush").stdout.strip()
    assert is_well_formed(key)
    head, row = run("keys", "list").stdout.splitlines()
    assert head.split() == ["id", "team", "name", "hint", "created_at", "expires_at", "revoked_at"]
    assert key[-4:] in row


@pytest.mark.parametrize(
    "words",
    [
        ("keys", "create", "--team", "nobody", "--name", "x"),
        ("keys", "revoke", "0190a0b0-0000-7000-8000-000000000000"),
        ("serve", "--port", "0"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_exits_with_1_and_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("fluxgate: ")


def test_a_team_is_made_once(run: Run) -> None:
    assert run("teams", "create", "painters").returncode == 0
    again = run("teams", "create", "painters")
    assert again.returncode == 1
    assert "painters" in again.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("paint",),
        ("teams", "create", " "),
        ("teams", "create", "a\x07b"),
        ("keys", "create", "--team", "x", "--name", "y" * 101),
        ("keys", "create", "--team", "x", "--name", "y", "--expires-in", "soon"),
        ("keys", "revoke", "not-an-id"),
        ("serve", "--port", "http"),
    ],
    ids=repr,
)
def test_bad_usage_exits_with_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run_fluxgate(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["serve", "worker", "simulate", "keys"])
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = run_fluxgate(tmp_path, command, "--help")
    assert done.returncode == 0
    assert f"fluxgate {command}" in done.stdout


def test_another_pepper_is_refused_before_it_makes_useless_keys(run: Run) -> None:
    assert run("teams", "create", "painters").returncode == 0
    done = run("keys", "create", "--team", "painters", "--name", "x", key_pepper="another-pepper")
    assert done.returncode == 1
    assert "FLUXGATE_KEY_PEPPER" in done.stderr
    assert "another-pepper" not in done.stderr


def test_a_port_in_use_is_named(run: Run) -> None:

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, upstream_key="x", redis_url="redis://127.0.0.1:1")
    assert done.returncode == 1
    assert port in done.stderr
