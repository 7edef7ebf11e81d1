"""How things stand, as it is stored; every question has a bound, whatever the tables hold."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from app.audit import overview_statements as statements
from app.storage.postgres import Executor, Row


async def open_jobs(executor: Executor, team_id: UUID | None) -> dict[str, int]:
    """How many jobs of a team, or of all, have not ended, by state."""
    rows = await _ask(executor, statements.OPEN_OF_ALL, statements.OPEN_OF_TEAM, team_id)
    return {row["state"]: row["jobs"] for row in rows}


async def overdue(executor: Executor) -> int:
    """How many rows of the work table nobody has taken up in time; counted up to a thousand."""
    [row] = await executor.execute(statements.OVERDUE)
    return int(row["rows"])


async def today(executor: Executor, team_id: UUID | None) -> Row:
    """The sums of today by UTC."""
    [row] = await _ask(executor, statements.TODAY_OF_ALL, statements.TODAY_OF_TEAM, team_id)
    return row


async def lately(executor: Executor, team_id: UUID | None) -> Row:
    """What the last jobs that ended took, and how many of them others had answered."""
    [row] = await _ask(executor, statements.LATELY_OF_ALL, statements.LATELY_OF_TEAM, team_id)
    return row


async def budgets(executor: Executor, team_id: UUID | None) -> Sequence[Row]:
    """What is used of budgets, worst first: of all teams, or of one and its keys; one more than a page."""
    return await _ask(executor, statements.BUDGETS_OF_ALL, statements.BUDGETS_OF_TEAM, team_id)


async def days_by(executor: Executor, dimension: str, first: date, team_id: UUID | None) -> Sequence[Row]:
    """The sums of each day from the first on, apart for the largest few of a dimension."""
    if team_id is None:
        return await executor.execute(statements.days_by(dimension, of_team=False), first)
    return await executor.execute(statements.days_by(dimension, of_team=True), first, team_id)


async def _ask(executor: Executor, of_all: str, of_team: str, team_id: UUID | None) -> Sequence[Row]:
    if team_id is None:
        return await executor.execute(of_all)
    return await executor.execute(of_team, team_id)
