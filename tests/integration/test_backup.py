"""A backup of PostgreSQL, restored: nothing is sent twice, and everything that it holds goes on."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import make_url

from app.storage.embedded.wheels import postgresql_program
from tests.conftest import StartGateway, StartSimulator
from tests.support.database import Database, fresh_database
from tests.support.gateway import serve
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER, Stores, settings_for
from tests.support.waiting import until

DUMP = ("--format=custom", "--no-owner")
DUE = "UPDATE work SET due_at = now() + interval '{}' WHERE job_id = $1"
RESTORE = ("--no-owner", "--exit-on-error", "--single-transaction")


@pytest.fixture
def empty(stores: Stores) -> Iterator[tuple[Database, dict[str, str]]]:
    """A database with nothing in it, and the settings of a gateway on it, but for its upstream."""
    with fresh_database(stores.database_url, template="template0") as database:
        yield database, settings_for(stores, database, "")


def run_program(name: str, *words: str, database: Database) -> None:
    address = make_url(database.url).set(drivername="postgresql").render_as_string(hide_password=False)
    command = [str(postgresql_program(name)), f"--dbname={address}", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr


def test_what_was_restored_goes_on_and_is_not_sent_again(
    empty: tuple[Database, dict[str, str]],
    start_simulator: StartSimulator,
    start_gateway: StartGateway,
    prompt: str,
    tmp_path: Path,
) -> None:
    journal = tmp_path / "orders.jsonl"
    upstream = start_simulator(journal=journal)
    gateway = start_gateway(upstream=upstream)
    caller = gateway.caller()
    made, running = caller.job(f"{prompt} made"), caller.job(f"{prompt} running [slow 10]")
    caller.wait(made)
    caller.wait(running, "IN_PROGRESS")
    upstream.process.kill()
    waiting = caller.job(f"{prompt} waiting")
    # Not while it is tried once more.
    until(lambda: gateway.database.rows(DUE.format("1 h") + " AND NOT is_leased RETURNING 1", UUID(waiting)))
    assert gateway.database.state(waiting) == "accepted"
    dump = str(tmp_path / "fluxgate.dump")
    run_program("pg_dump", *DUMP, f"--file={dump}", database=gateway.database)
    again = start_simulator(port=upstream.base_url.port, journal=journal)
    gateway.database.rows(DUE.format("0 s"), UUID(waiting))
    caller.wait(waiting)
    gateway.process.stop()

    database, settings = empty[0], {**empty[1], "upstream_url": again.address}
    run_program("pg_restore", *RESTORE, dump, database=database)
    database.rows(DUE.format("0 s"), UUID(waiting))
    told = run_fluxgate(tmp_path, "restored", settings=settings)
    assert told.stdout == "Jobs that waited to be sent and are not sent again by themselves: 1\n", told.stderr
    (tmp_path / "again").mkdir()
    with (
        serve(tmp_path / "again", database, settings=settings) as gateway,
        gateway.caller(caller.key) as caller,
    ):
        assert caller.result(made).json()["prompt"] == f"{prompt} made"
        caller.wait(running)
        assert caller.result(running).status_code == 200
        gateway.database.wait(waiting, "unknown")
        assert gateway.database.history(waiting)[-2:] == ["submitting", "unknown"]
    assert len(again.accepted(f"{prompt} waiting")) == 1
    for words in (("ledger", "check"), ("audit", "verify")):
        done = run_fluxgate(tmp_path, *words, settings=settings)
        assert done.returncode == 0, done.stdout
    assert PEPPER not in Path(dump).read_bytes().decode(errors="replace")


def test_it_stands_in_the_trail(database: Database, stores: Stores, tmp_path: Path) -> None:
    settings = settings_for(stores, database, "http://127.0.0.1:9")
    done = run_fluxgate(tmp_path, "restored", "--json", settings=settings)
    assert json.loads(done.stdout) == {"held_jobs": 0}, done.stderr
    assert database.rows("SELECT action FROM audit_trail")[-1]["action"] == "database.restore"
