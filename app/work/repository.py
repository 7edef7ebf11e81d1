"""Questions on the work table as a whole."""

from app.storage.postgres import Database

COUNT_DUE = """
    SELECT count(*) AS number FROM work WHERE kind IN ('follow', 'deliver', 'archive') AND due_at <= now()
"""


async def count_due(database: Database) -> int:
    """How many rows are due and not yet taken up."""
    rows = await database.execute(COUNT_DUE)
    return int(rows[0]["number"])
