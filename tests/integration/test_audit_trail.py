"""The trail of administrative changes in a real database: whatever is done to its rows is found and named."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.admin.change_team import change_team
from app.admin.context import AdminContext
from app.admin.create_key import create_key
from app.admin.create_team import create_team
from app.admin.limits import Amendment, NewKey, NewTeam, read_as
from app.admin.revoke_key import revoke_key
from app.admin.revoke_team import revoke_team
from app.audit.chain import Head
from app.audit.trail import PAGE_ROWS, Change, Verdict
from app.storage.postgres import Database as Connections
from tests.support.administration import ACTOR, administer
from tests.support.database import Database
from tests.support.processes import run_fluxgate
from tests.support.stores import PEPPER

ROWS = 5
# Every one of these is a change that somebody with the database's password could make.
EDITS = {
    "at": "at + interval '1 microsecond'",
    "actor": "'cli:somebody-else@somewhere'",
    "action": "'team.forged'",
    "subject_id": "subject_id || '0'",
    "before": "replace(COALESCE(before, '{}'), '{', '{\"name\":\"x\",')",
    "after": "NULL",
    "digest": "sha256(digest)",
}


def verdict(database: Database, noted: Head | None = None) -> Verdict:
    return administer(database, lambda admin: admin.trail.verify(admin.database, noted))


def problems(database: Database, noted: Head | None = None) -> list[int | None]:
    return [problem.row_id for problem in verdict(database, noted).problems]


async def five_changes(admin: AdminContext) -> None:
    """A team and a key, each changed, and the key revoked."""
    team = await create_team(admin, ACTOR, NewTeam(name="painters"))
    key = await create_key(admin, ACTOR, NewKey(team="painters", name="brush"))
    team_id, key_id = UUID(str(team["id"])), UUID(str(key["id"]))
    await change_team(admin, ACTOR, team_id, read_as(Amendment, {"budget_usd": "5.00"}))
    await change_team(admin, ACTOR, team_id, read_as(Amendment, {"name": "sculptors", "budget_usd": None}))
    await revoke_key(admin, ACTOR, key_id)


@pytest.fixture
def trail(database: Database) -> Database:
    """A database with a trail of five rows."""
    administer(database, five_changes)
    return database


def test_an_untouched_trail_is_whole_and_says_who_did_what(trail: Database) -> None:
    found = verdict(trail)
    assert (found.rows, found.is_whole) == (ROWS, True)
    rows = trail.rows("SELECT * FROM audit_trail ORDER BY id")
    assert [row["id"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["action"] for row in rows] == [
        "team.create",
        "key.create",
        "team.change",
        "team.change",
        "key.revoke",
    ]
    assert {row["actor"] for row in rows} == {ACTOR}
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert rows[0]["before"] is None
    before, after = json.loads(rows[3]["before"]), json.loads(rows[3]["after"])
    assert (before["name"], before["budget_usd"]) == ("painters", "5.000000")
    assert (after["name"], after["budget_usd"]) == ("sculptors", None)
    assert json.loads(rows[4]["after"])["revoked_at"] is not None
    assert rows[2]["subject_id"] == rows[0]["subject_id"] == str(trail.value("SELECT id FROM teams"))


def test_no_secret_is_in_the_trail(trail: Database) -> None:
    made = administer(trail, lambda admin: create_key(admin, ACTOR, NewKey(team="sculptors", name="chisel")))
    rows = trail.rows("SELECT before, after FROM audit_trail")
    [stored] = trail.rows("SELECT digest, hint FROM api_keys WHERE name = 'chisel'")
    for secret in (made["key"], made["key"][3:-6], stored["digest"].hex()):
        assert secret not in str(rows)


@pytest.mark.parametrize("column", list(EDITS))
@pytest.mark.parametrize("number", [1, 3, ROWS])
def test_an_edited_row_is_named(trail: Database, column: str, number: int) -> None:
    trail.rows(f"UPDATE audit_trail SET {column} = {EDITS[column]} WHERE id = $1", number)
    assert problems(trail)[0] == number


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "0044-03-15 BC", "290000-01-01"])
def test_a_time_that_no_clock_shows_is_named(trail: Database, moment: str) -> None:
    trail.rows(f"UPDATE audit_trail SET at = '{moment}' WHERE id = 2")
    assert problems(trail) == [2]


def test_a_renumbered_row_is_found(trail: Database) -> None:
    trail.rows("UPDATE audit_trail SET id = 9 WHERE id = 3")
    assert problems(trail)[0] == 3


@pytest.mark.parametrize("number", [1, 3, ROWS])
def test_a_deleted_row_is_named(trail: Database, number: int) -> None:
    trail.rows("DELETE FROM audit_trail WHERE id = $1", number)
    assert problems(trail) == [number]


def test_swapped_rows_are_named(trail: Database) -> None:
    trail.rows("UPDATE audit_trail SET id = CASE id WHEN 2 THEN -2 ELSE -3 END WHERE id IN (2, 3)")
    trail.rows("UPDATE audit_trail SET id = CASE id WHEN -2 THEN 3 ELSE 2 END WHERE id < 0")
    assert problems(trail)[:2] == [2, 3]


@pytest.mark.parametrize("number", [-1, 0, ROWS + 1, 2**63 - 1])
def test_an_inserted_row_is_named(trail: Database, number: int) -> None:
    trail.rows(
        "INSERT INTO audit_trail SELECT $1, at, actor, action, subject_id, before, after, digest "
        "FROM audit_trail WHERE id = 5",
        number,
    )
    assert problems(trail)[0] in (number, ROWS + 1)


def test_a_cut_tail_is_found_and_a_forged_head_does_not_hide_it(trail: Database) -> None:
    noted = verdict(trail).head
    trail.rows("DELETE FROM audit_trail WHERE id > 3")
    assert problems(trail) == [4]
    [last] = trail.rows("SELECT digest FROM audit_trail WHERE id = 3")
    head = json.loads(trail.value("SELECT value FROM installation WHERE name = 'audit_head'"))
    forged = json.dumps(head | {"id": 3, "digest": last["digest"].hex()})
    trail.rows("UPDATE installation SET value = $1 WHERE name = 'audit_head'", forged)
    assert problems(trail) == [None]
    assert problems(trail, noted) == [None, 5]


def test_a_cut_tail_with_the_head_of_that_day_is_found_by_a_note(database: Database) -> None:
    administer(database, lambda admin: create_team(admin, ACTOR, NewTeam(name="painters")))
    old_head = database.value("SELECT value FROM installation WHERE name = 'audit_head'")
    administer(database, lambda admin: create_team(admin, ACTOR, NewTeam(name="sculptors")))
    noted = verdict(database).head
    assert problems(database, noted) == []
    database.rows("DELETE FROM audit_trail WHERE id = 2")
    database.rows("UPDATE installation SET value = $1 WHERE name = 'audit_head'", old_head)
    assert problems(database, noted) == [2]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE installation SET value = 'mine' WHERE name = 'audit_head'",
        "DELETE FROM installation WHERE name = 'audit_head'",
    ],
)
@pytest.mark.parametrize("is_cut", [False, True])
def test_changes_go_on_after_a_forged_head_and_never_hide_it(
    trail: Database, tampering: str, *, is_cut: bool
) -> None:
    if is_cut:
        trail.rows("DELETE FROM audit_trail WHERE id > 3")
    trail.rows(tampering)
    administer(trail, lambda admin: create_team(admin, ACTOR, NewTeam(name="one more")))
    administer(trail, lambda admin: create_team(admin, ACTOR, NewTeam(name="and another")))
    assert problems(trail) == [4 if is_cut else 6]


FORGERIES = {
    "the last number there is": (
        "INSERT INTO audit_trail (id, at, actor, action, subject_id, digest)"
        " VALUES (9223372036854775807, now(), 'x', 'x.y', 'x', '')"
    ),
    "a head without an end": (
        "UPDATE installation SET value = repeat('[', 200000) WHERE name = 'audit_head'"
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_forgery_keeps_an_operator_from_revoking(trail: Database, forgery: str) -> None:
    trail.rows(FORGERIES[forgery])
    assert not verdict(trail).is_whole
    team_id = trail.value("SELECT id FROM teams")
    administer(trail, lambda admin: revoke_team(admin, ACTOR, team_id))
    assert trail.value("SELECT revoked_at IS NOT NULL FROM teams")
    assert not verdict(trail).is_whole


def test_a_trail_that_was_emptied_does_not_begin_anew(trail: Database) -> None:
    trail.rows("DELETE FROM audit_trail")
    trail.rows("UPDATE installation SET value = 'mine' WHERE name = 'audit_head'")
    administer(trail, lambda admin: create_team(admin, ACTOR, NewTeam(name="one more")))
    assert problems(trail) == [1]


def test_an_old_head_before_living_rows_leaves_a_gap_too(database: Database) -> None:
    administer(database, lambda admin: create_team(admin, ACTOR, NewTeam(name="painters")))
    old_head = database.value("SELECT value FROM installation WHERE name = 'audit_head'")
    administer(database, lambda admin: create_team(admin, ACTOR, NewTeam(name="sculptors")))
    database.rows("UPDATE installation SET value = $1 WHERE name = 'audit_head'", old_head)
    assert problems(database) == [2]
    administer(database, lambda admin: create_team(admin, ACTOR, NewTeam(name="one more")))
    assert problems(database) == [3]


def test_another_pepper_makes_no_row_that_fits(trail: Database) -> None:
    async def forge() -> None:
        connections = await Connections.connect(trail.url, pool_size=1, timeout_seconds=20)
        forger = AdminContext.on(connections, b"another pepper").trail
        async with connections.transaction() as transaction:
            await forger.append(transaction, Change(ACTOR, "team.create", "x", None, {"name": "mine"}))
        await connections.close()

    asyncio.run(forge())
    assert problems(trail)[0] is not None
    assert None in problems(trail)


def test_twenty_changes_at_once_leave_a_whole_chain(database: Database) -> None:
    async def twenty(admin: AdminContext) -> None:
        team = await create_team(admin, ACTOR, NewTeam(name="painters"))
        team_id = UUID(str(team["id"]))
        async with asyncio.TaskGroup() as group:
            for number in range(1, 21):
                amendment = read_as(Amendment, {"max_in_flight": number})
                group.create_task(change_team(admin, ACTOR, team_id, amendment))
                group.create_task(create_team(admin, ACTOR, NewTeam(name=f"team {number}")))

    administer(database, twenty, pool_size=10)
    found = verdict(database)
    assert (found.rows, found.problems) == (41, [])
    rows = database.rows("SELECT id, at FROM audit_trail ORDER BY id")
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    last = database.value(
        "SELECT after FROM audit_trail WHERE action = 'team.change' ORDER BY id DESC LIMIT 1"
    )
    assert json.loads(last)["max_in_flight"] == database.value(
        "SELECT max_in_flight FROM allowances JOIN teams ON id = scope_id WHERE name = 'painters'"
    )


def test_a_trail_of_many_pages_is_read_to_its_end(database: Database) -> None:
    async def many(admin: AdminContext) -> None:
        async with admin.database.transaction() as transaction:
            for number in range(PAGE_ROWS + 2):
                await admin.trail.append(transaction, Change(ACTOR, "test.count", str(number), None, None))

    administer(database, many)
    assert (verdict(database).rows, problems(database)) == (PAGE_ROWS + 2, [])
    database.rows("UPDATE audit_trail SET actor = 'x' WHERE id = $1", PAGE_ROWS + 1)
    assert problems(database) == [PAGE_ROWS + 1]


def test_a_change_that_fails_leaves_no_row(trail: Database) -> None:
    async def fail(admin: AdminContext) -> None:
        async with admin.database.transaction() as transaction:
            await admin.trail.append(transaction, Change(ACTOR, "test.fail", "x", None, None))
            raise KeyError

    with pytest.raises(KeyError):
        administer(trail, fail)
    assert (verdict(trail).rows, problems(trail)) == (ROWS, [])


def test_what_changes_nothing_leaves_no_row(trail: Database) -> None:
    team_id = trail.value("SELECT id FROM teams")
    key_id = trail.value("SELECT id FROM api_keys")
    administer(trail, lambda admin: change_team(admin, ACTOR, team_id, read_as(Amendment, {})))
    administer(
        trail, lambda admin: change_team(admin, ACTOR, team_id, read_as(Amendment, {"name": "sculptors"}))
    )
    administer(trail, lambda admin: revoke_key(admin, ACTOR, key_id))
    assert verdict(trail).rows == ROWS


def test_the_command_line_says_whether_the_trail_is_whole(trail: Database, tmp_path: Path) -> None:
    settings = {"database_url": trail.url, "key_pepper": PEPPER}

    def run(*words: str) -> tuple[int, str, str]:
        done = run_fluxgate(tmp_path, "audit", *words, settings=settings)
        return done.returncode, done.stdout, done.stderr

    code, line, errors = run("verify")
    assert (code, line.count("\n"), errors) == (0, 1, "")
    noted = line.split()[-1]
    code, document, errors = run("list", "--json", "--limit", "2")
    listed: Any = json.loads(document)
    assert [item["id"] for item in listed["items"]] == [5, 4]
    trail.rows("UPDATE audit_trail SET actor = 'x' WHERE id IN (2, 4)")
    code, lines, errors = run("verify")
    assert (code, errors) == (1, "")
    assert [line.split()[1] for line in lines.splitlines()] == ["2", "4"]
    code, document, errors = run("verify", "--json", "--noted", noted)
    assert code == 1
    assert [problem["id"] for problem in json.loads(document)["problems"]] == [2, 4]
    assert run("verify", "--noted", "yesterday")[0] == 2
