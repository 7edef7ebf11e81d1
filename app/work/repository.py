"""Questions on the work table as a whole."""

from app.storage.postgres import Database

# Each kind is there, however many are due: a graph without a line says nothing.
COUNT_DUE = """
    SELECT kind, (SELECT count(*) FROM work w WHERE w.kind = kinds.kind AND w.due_at <= now()) AS number
    FROM unnest(ARRAY['follow', 'deliver', 'archive']) AS kinds (kind)
"""


async def count_due(database: Database) -> dict[str, int]:
    """How many rows are due and not yet taken up, by kind of work."""
    rows = await database.execute(COUNT_DUE)
    return {row["kind"]: int(row["number"]) for row in rows}
