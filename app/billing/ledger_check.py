"""Use case: whether counters and jobs say what the ledger says, and where they do not."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.billing import check_statements as statements
from app.billing.allowance_repository import rebuild
from app.billing.money import usd_or_none
from app.storage.postgres import Database, Executor, Row

# Whoever has more wrong jobs than this has one fault, and not many.
JOBS_AT_MOST: Final = 1000

_AMOUNTS: Final = ("reserved_micros", "spent_micros")
_COUNTERS: Final = (*_AMOUNTS, "images", "in_flight")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be.

    Attributes:
        where: `allowance`, `job`, `entry`, `purged` or `usage`.
        subject: which one, in words that it can be found by.
        what: which of its values.
        stored: what is written there.
        expected: what follows from the ledger and the jobs.
        scope_id: of an allowance, whose it is.
    """

    where: str
    subject: str
    what: str
    stored: str | None
    expected: str | None
    scope_id: UUID | None = None


async def check_ledger(executor: Executor) -> list[Difference]:
    """Compares every counter, and the cost of every job, with the ledger; empty when all is well.

    Raises:
        StorageUnavailable: the database does not answer, or not in time.
    """
    allowances = await executor.execute(statements.COUNTERS)
    jobs = await executor.execute(statements.JOBS, JOBS_AT_MOST)
    entries = await executor.execute(statements.ENTRIES_WITHOUT_JOB, JOBS_AT_MOST)
    purged = await executor.execute(statements.PURGED)
    return [
        *(difference for row in allowances for difference in _wrong_counters(row)),
        *(_wrong_job(row) for row in jobs),
        *(_lost_entry(row) for row in entries),
        *(difference for row in purged for difference in _wrong_purge(row)),
    ]


async def repair_allowances(database: Database, differences: list[Difference]) -> None:
    """Counts the allowances that differ anew, each under its lock; jobs and entries are never changed.

    Raises:
        StorageUnavailable: those that were counted until then are right.
    """
    for scope_id in dict.fromkeys(one.scope_id for one in differences if one.scope_id is not None):
        async with database.transaction() as transaction:
            await rebuild(transaction, scope_id)


def _wrong_counters(row: Row) -> Iterator[Difference]:
    subject = " ".join(filter(None, (row["scope"], row["name"], str(row["scope_id"]))))
    for counter in _COUNTERS:
        stored, expected = row[counter], row[f"{counter}_counted"]
        if stored != expected:
            name = counter.replace("_micros", "_usd")
            shown = [
                usd_or_none(value) if counter in _AMOUNTS else str(value) for value in (stored, expected)
            ]
            yield Difference("allowance", subject, name, shown[0], shown[1], row["scope_id"])


def _wrong_job(row: Row) -> Difference:
    stored, expected = usd_or_none(row["cost_micros"]), usd_or_none(row["spent_micros"])
    if row["fault"] is not None:
        return Difference("job", f"{row['id']}, {row['state']}", "ledger", row["fault"], None)
    return Difference("job", f"{row['id']}, {row['state']}", "cost_usd", stored, expected)


def _lost_entry(row: Row) -> Difference:
    subject = f"{row['id']} of team {row['team_id']}: {row['kind']} of a job that does not exist"
    return Difference("entry", subject, "job_id", str(row["job_id"]), None)


def _wrong_purge(row: Row) -> Iterator[Difference]:
    """What is left of a team's jobs that are not stored any more, beside what was noted when they went."""
    subject = f"jobs of team {row['team']} that are not stored any more"
    if row["jobs"] != row["jobs_noted"]:
        yield Difference("purged", subject, "jobs", str(row["jobs_noted"]), str(row["jobs"]))
    if row["cost_micros"] != row["cost_micros_noted"]:
        stored, expected = usd_or_none(row["cost_micros_noted"]), usd_or_none(row["cost_micros"])
        yield Difference("purged", subject, "cost_usd", stored, expected)
    if row["open"]:
        yield Difference("purged", subject, "not settled", str(row["open"]), "0")
