"""Use case: how things stand at this moment, and how the last thirty days were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from app.audit import overview_repository as repository
from app.audit.overview_statements import BUDGETS
from app.audit.roll_up import catch_up
from app.storage.postgres import Database, Row

DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand for one team, or for all.

    Attributes:
        at: when this was so, by the clock of this process.
        open_jobs: jobs that have not ended, by state.
        today: sums of the jobs that were recorded today (UTC).
        lately: of the last jobs that ended: how many, how many others answered, how long they took.
        budgets: what is used of each, worst first.
        has_more_budgets: there are others than these.
    """

    at: datetime
    open_jobs: Mapping[str, int]
    today: Row
    lately: Row
    budgets: Sequence[Row]
    has_more_budgets: bool


@dataclass(frozen=True, slots=True)
class Month:
    """The last thirty days, today included; `sums` has rows for each day and each of the largest series."""

    days: Sequence[date]
    sums: Sequence[Row]


async def look_at_present(database: Database, team_id: UUID | None) -> Standing:
    """How things stand for a team, or for all when there is none.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    await catch_up(database, team_id)
    budgets = await repository.budgets(database, team_id)
    return Standing(
        at=datetime.now(UTC),
        open_jobs=await repository.open_jobs(database, team_id),
        today=await repository.today(database, team_id),
        lately=await repository.lately(database, team_id),
        budgets=budgets[:BUDGETS],
        has_more_budgets=len(budgets) > BUDGETS,
    )


async def look_at_month(database: Database, team_id: UUID | None, dimension: str) -> Month:
    """The last thirty days by `team`, `key` or `model`.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    today = datetime.now(UTC).date()
    days = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    return Month(days, await repository.days_by(database, dimension, days[0], team_id))
