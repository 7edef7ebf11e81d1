"""Use case: prompts that are new are written down by their words, a piece at a time; safe to repeat."""

import asyncio
from collections.abc import Sequence
from typing import Final

from app.audit import prompt_statements as statements
from app.audit.prompt_words import (
    LOOKED_AT_CHARACTERS,
    MODEL_ID,
    as_vector,
    key_mark,
    model_mark,
    team_mark,
    words_of,
)
from app.storage.postgres import Executor, Row

# One piece takes well under a second, whatever has piled up.
TEAMS_AT_ONCE: Final = 5
ENTRIES_AT_ONCE: Final = 400


async def write_words_piece(executor: Executor, *, entries: int = ENTRIES_AT_ONCE) -> bool:
    """Writes down what so many entries of a few teams' ledgers tell; whether there was anything.

    Raises:
        StorageUnavailable: nothing has changed.
    """
    await executor.execute(statements.BEGIN_TEAMS)
    rows = await executor.execute(statements.NEWS, TEAMS_AT_ONCE, entries, LOOKED_AT_CHARACTERS)
    if not rows:
        return False
    # A job that is gone while its input is still there has no key and no model.
    prompts = [row for row in rows if row["prompt"] and row["key_id"] is not None]
    # Prompts of fifty thousand characters each are half a second, in which nobody else would be answered.
    vectors = await asyncio.to_thread(vectors_of, prompts)
    done = {row["team_id"]: row["ledger_id"] for row in rows}
    job_ids = [row["job_id"] for row in prompts]
    await executor.execute(statements.WRITE, job_ids, vectors, list(done), list(done.values()))
    return True


def vectors_of(rows: Sequence[Row]) -> list[str]:
    """The words of each prompt with its marks, as PostgreSQL reads them. Pure."""
    return [as_vector(words_of(row["prompt"]), _marks(row)) for row in rows]


def _marks(row: Row) -> list[str]:
    marks = [team_mark(row["team_id"]), key_mark(row["key_id"])]
    return [*marks, model_mark(row["model"])] if MODEL_ID.fullmatch(row["model"]) else marks
