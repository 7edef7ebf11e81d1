"""Use case: daily sums of usage, made of the ledger a piece at a time; safe to repeat, and beside itself."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.audit import roll_up_statements as statements
from app.storage.postgres import Database, Executor, Row

# One pass takes well under a second, whatever has piled up.
TEAMS_AT_ONCE: Final = 100
ENTRIES_AT_ONCE: Final = 2_000

EVERYTHING: Final = 2**31 - 1


async def roll_up(executor: Executor) -> int:
    """Takes all that is new in the ledger into the daily sums, piece by piece; returns how many entries.

    Raises:
        StorageUnavailable: what was taken in before is kept, the rest is taken in the next time.
    """
    taken_in, is_more = 0, True
    while is_more:
        entries, is_more = await roll_up_piece(executor)
        taken_in += entries
    return taken_in


async def roll_up_piece(executor: Executor) -> tuple[int, bool]:
    """Takes in a bounded piece of what is new; returns how many entries, and whether there is more.

    What another process is working on is left to it.

    Raises:
        StorageUnavailable: nothing has changed.
    """
    await executor.execute(statements.BEGIN_TEAMS, None)
    [done] = await executor.execute(statements.ROLL_UP, TEAMS_AT_ONCE, ENTRIES_AT_ONCE)
    return done["entries"], done["is_more"] and done["entries"] > 0


async def catch_up(executor: Executor, team_id: UUID | None) -> None:
    """Makes the sums of one team, or of all, include whatever was committed before this was called.

    Raises:
        StorageUnavailable: they may not.
    """
    await executor.execute(statements.BEGIN_TEAMS, team_id)
    while (await _catch_up_once(executor, team_id))["is_more"]:
        pass


async def rebuild_usage(database: Database) -> None:
    """Makes all sums anew from the first entry on, beside those of jobs that have gone.

    Until that is done everybody sees the old ones.

    Raises:
        StorageUnavailable: nothing has changed.
    """
    async with database.transaction() as transaction:
        await transaction.execute(statements.BEGIN_TEAMS, None)
        teams = await transaction.execute(statements.FORGET)
        for clear in statements.CLEAR:
            await transaction.execute(clear, [team["team_id"] for team in teams])
        await transaction.execute(statements.RESTORE)
        await transaction.execute(statements.CATCH_UP, EVERYTHING, EVERYTHING)


async def usage_differences(executor: Executor, dimensions: Sequence[str]) -> Sequence[Row]:
    """Days, keys, models and end users whose sums are not those of the jobs; empty when all is well.

    `summed` and `counted` of each are JSON, without the dimensions.
    """
    return await executor.execute(statements.DIFFERENCES, list(dimensions))


async def coarser_differences(executor: Executor, dimensions: Sequence[str]) -> dict[str, Sequence[Row]]:
    """The same of sums that leave something out, which are not those of the daily ones; by what they are."""
    return {
        "by day": await executor.execute(statements.DIFFERENCES_BY_DAY, list(dimensions)),
        "by month": await executor.execute(statements.DIFFERENCES_BY_MONTH, list(dimensions)),
    }


async def _catch_up_once(executor: Executor, team_id: UUID | None) -> Row:
    if team_id is None:
        [done] = await executor.execute(statements.CATCH_UP, TEAMS_AT_ONCE, ENTRIES_AT_ONCE)
    else:
        [done] = await executor.execute(statements.CATCH_UP_TEAM, TEAMS_AT_ONCE, ENTRIES_AT_ONCE, team_id)
    return done
