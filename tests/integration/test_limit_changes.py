"""Whatever limits become, what is used of them is what the ledger and the jobs say."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.admin.change_key import change_key
from app.admin.change_team import change_team
from app.admin.context import AdminContext
from app.admin.create_team import create_team
from app.admin.limits import Amendment, NewTeam, read_as
from app.admin.read_teams import find_team
from app.billing.allowance_repository import rebuild
from app.errors import Conflict
from app.storage.postgres import Executor, Transaction
from tests.support.accounts import Account, differences
from tests.support.administration import ACTOR, administer
from tests.support.database import Database
from tests.support.waiting import PATIENCE_SECONDS

PERIODS = ("day", "month", "total")
ADD_JOB = """
    INSERT INTO jobs (id, team_id, key_id, model, state, created_at, completed_at, source_job_id,
        images_asked, images)
    VALUES ($1, $2, $3, 'fal-ai/flux-1/dev', $4, $5, $6, $7, 3, $8)
"""
ADD_ENTRY = """
    INSERT INTO ledger (team_id, job_id, kind, reserved_micros, spent_micros, at)
    VALUES ($1, $2, $3, $4, $5, now())
"""
HOLD = "SELECT FROM allowances WHERE scope_id = $1 FOR UPDATE"
WAITING = """
    SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def starts_of_periods() -> dict[str, datetime]:
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"day": day, "month": day.replace(day=1), "total": datetime.min.replace(tzinfo=UTC)}


def add_jobs(account: Account) -> None:
    """Jobs around the beginnings of all periods: open, charged, given back, without a price, answered."""
    chance = random.Random(7)
    database = account.database
    starts = [start for name, start in starts_of_periods().items() if name != "total"]
    moments = [start + timedelta(seconds=step) for start in starts for step in (-90_000, -1, 0, 1, 60)]
    for moment in moments:
        for kind in ("open", "charged", "released", "adjusted", "unpriced", "answered"):
            job_id, price = uuid4(), None if kind == "unpriced" else chance.randrange(1, 100_000)
            ended = None if kind == "open" else moment
            source = uuid4() if kind == "answered" else None
            state = "running" if kind == "open" else "succeeded"
            made = None if kind in ("open", "released") else chance.randrange(1, 4)
            job = (job_id, account.team_id, account.key_id, state, moment, ended, source, made)
            database.rows(ADD_JOB, *job)
            for entry, reserved, spent in entries_of(kind, price):
                database.rows(ADD_ENTRY, account.team_id, job_id, entry, reserved, spent)


def entries_of(kind: str, price: int | None) -> list[tuple[str, int | None, int | None]]:
    if kind == "answered":
        return [("reserve", 0, 0), ("charge", 0, 0)]
    reserve = ("reserve", price, None if price is None else 0)
    if price is None:
        return [reserve, ("charge", None, None)]
    if kind == "open":
        return [reserve]
    if kind == "released":
        return [reserve, ("release", -price, 0)]
    charge = ("charge", -price, price // 2)
    return [reserve, charge, ("adjust", 0, 5)] if kind == "adjusted" else [reserve, charge]


@pytest.fixture
def account(database: Database) -> Account:
    account = Account.new(database)
    add_jobs(account)
    return account


def change(account: Account, scope: str, **fields: object) -> dict[str, Any]:
    amendment = read_as(Amendment, fields)
    if scope == "team":
        return administer(
            account.database, lambda admin: change_team(admin, ACTOR, account.team_id, amendment)
        )
    return administer(account.database, lambda admin: change_key(admin, ACTOR, account.key_id, amendment))


@pytest.mark.parametrize("scope", ["team", "key"])
def test_with_another_period_all_is_counted_anew(account: Account, scope: str) -> None:
    seen = []
    for period in ("day", "total", "month", "day"):
        shown = change(account, scope, budget_period=period)
        counted = account.team() if scope == "team" else account.key()
        scope_id = account.team_id if scope == "team" else account.key_id
        wrong = [row["scope"] for row in differences(account.database) if row["scope"] == scope]
        assert wrong == []
        start = account.database.value("SELECT window_start FROM allowances WHERE scope_id = $1", scope_id)
        assert start.replace(tzinfo=UTC) == starts_of_periods()[period]
        assert counted["in_flight"] == shown["in_flight"] == 10
        assert shown["spent_usd"] == f"0.{counted['spent_micros']:06}"
        seen.append(counted)
    day, total, month, day_again = seen
    assert day == day_again
    assert 0 < day["spent_micros"] < total["spent_micros"]
    assert 0 < month["reserved_micros"] <= total["reserved_micros"]
    assert 0 < month["images"] < total["images"]


@pytest.mark.parametrize("scope", ["team", "key"])
def test_with_another_limit_nothing_is_counted_anew(account: Account, scope: str) -> None:
    change(account, scope, budget_period="day")
    before = account.team(), account.key()
    for limits in ({"budget_usd": "0"}, {"budget_usd": "99.5", "max_in_flight": 1}, {"budget_usd": None}):
        change(account, scope, **limits)
        assert (account.team(), account.key()) == before


def test_more_used_than_allowed_leaves_nothing(account: Account) -> None:
    shown = change(account, "team", budget_usd="0.000001", budget_period="total")
    assert shown["left_usd"] == "0.000000"


def test_a_window_that_is_over_shows_nothing_used(account: Account) -> None:
    change(account, "team", budget_usd="5", budget_period="day")
    account.limit_team(window_start=datetime.now(UTC) - timedelta(days=2))
    shown = administer(account.database, lambda admin: find_team(admin, account.team_id))
    assert (shown["spent_usd"], shown["reserved_usd"], shown["left_usd"]) == (
        "0.000000",
        "0.000000",
        "5.000000",
    )
    assert shown["in_flight"] == 10


async def until_somebody_waits(executor: Executor) -> None:
    """Until some transaction waits for the lock of another one."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await executor.execute(WAITING):  # noqa: ASYNC110 # it happens in another process
            await asyncio.sleep(0.01)


def test_what_is_recorded_while_the_lock_is_waited_for_counts_too(account: Account) -> None:
    async def rebuild_alone(admin: AdminContext, scope_id: UUID) -> None:
        async with admin.database.transaction() as transaction:
            await rebuild(transaction, scope_id)

    async def run(admin: AdminContext) -> None:
        async with asyncio.TaskGroup() as group, admin.database.transaction() as holder:
            await holder.execute(HOLD, account.team_id)
            group.create_task(rebuild_alone(admin, account.team_id))
            await until_somebody_waits(admin.database)
            await record(holder, account)

    administer(account.database, run)
    assert [row for row in differences(account.database) if row["scope"] == "team"] == []


async def record(transaction: Transaction, account: Account) -> None:
    """A job as a submit records it, but for the counters, which are about to be counted anew."""
    job_id = uuid4()
    now = datetime.now(UTC)
    await transaction.execute(
        ADD_JOB, job_id, account.team_id, account.key_id, "queued", now, None, None, None
    )
    await transaction.execute(ADD_ENTRY, account.team_id, job_id, "reserve", 77, 0)


@pytest.mark.parametrize("wish", ["create", "rename"])
def test_a_name_that_somebody_is_about_to_take_is_taken(database: Database, wish: str) -> None:
    async def run(admin: AdminContext) -> None:
        other = await create_team(admin, ACTOR, NewTeam(name="other"))
        amendment = read_as(Amendment, {"name": "wanted"})
        async with asyncio.TaskGroup() as group:
            async with admin.database.transaction() as first:
                await admin.callers.within(first).lock_names()
                await first.execute("INSERT INTO teams (id, name) VALUES ($1, 'wanted')", uuid4())
                second = group.create_task(
                    refused(
                        create_team(admin, ACTOR, NewTeam(name="wanted"))
                        if wish == "create"
                        else change_team(admin, ACTOR, UUID(str(other["id"])), amendment)
                    )
                )
                await until_somebody_waits(admin.database)
            assert await second

    async def refused(deed: Any) -> bool:
        try:
            await deed
        except Conflict:
            return True
        return False

    administer(database, run)
