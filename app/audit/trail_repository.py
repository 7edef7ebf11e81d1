"""Every statement on the trail of administrative changes."""

from collections.abc import Sequence
from datetime import datetime

from app.audit.chain import Entry, Link
from app.storage.postgres import Executor, Row

HEAD_NAME = "audit_head"

# Whoever writes a row holds the head until the commit, so numbers have no gaps and times rise with them. The
# update that changes nothing is what locks a head that is there, and gives its newest version.
LOCK_HEAD = """
    INSERT INTO installation (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = installation.value
    RETURNING value, clock_timestamp() AS at
"""

ADD = """
    WITH added AS (
        INSERT INTO audit_trail (id, at, actor, action, subject_id, before, after, digest)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    )
    UPDATE installation SET value = $9 WHERE name = $10
"""

# All pages of one check see the same moment.
BEGIN_CHECK = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

HEAD = "SELECT value FROM installation WHERE name = $1"

# A forged row with one of the last numbers there are must not keep the next one from being written.
LAST_ID = "SELECT COALESCE(max(id), 0) AS id FROM audit_trail WHERE id < 4611686018427387904"

# A time that somebody has set to infinity, or before our era, is none that this gateway wrote.
LINKS = """
    SELECT id, actor, action, subject_id, before, after, digest,
        CASE WHEN at BETWEEN '1970-01-01Z' AND '9999-01-01Z' THEN (extract(epoch FROM at) * 1000000)::bigint
        END AS at_micros
    FROM audit_trail WHERE id >= $1 ORDER BY id LIMIT $2
"""

PAGE = """
    SELECT id, at, actor, action, subject_id, before, after FROM audit_trail
    WHERE id < $1 ORDER BY id DESC LIMIT $2
"""


async def lock_head(executor: Executor, first: str) -> tuple[str, datetime]:
    """The stored head, which is `first` when there was none, locked until the commit; and the time."""
    [row] = await executor.execute(LOCK_HEAD, HEAD_NAME, first)
    return row["value"], row["at"]


async def add(executor: Executor, entry: Entry, *, at: datetime, digest: bytes, head: str) -> None:
    """Writes a row, and the head that names it."""
    await executor.execute(
        ADD,
        entry.id,
        at,
        entry.actor,
        entry.action,
        entry.subject_id,
        entry.before,
        entry.after,
        digest,
        head,
        HEAD_NAME,
    )


async def begin_check(executor: Executor) -> None:
    """Lets all further statements of this transaction see the same moment."""
    await executor.execute(BEGIN_CHECK)


async def head(executor: Executor) -> str | None:
    """The stored head, if there is one."""
    rows = await executor.execute(HEAD, HEAD_NAME)
    return rows[0]["value"] if rows else None


async def last_id(executor: Executor) -> int:
    """The highest number of a row; 0 when there is none."""
    [row] = await executor.execute(LAST_ID)
    return int(row["id"])


async def links(executor: Executor, first_id: int, limit: int) -> list[Link]:
    """Rows from this number on, in order."""
    rows = await executor.execute(LINKS, first_id, limit)
    return [_link(row) for row in rows]


async def page(executor: Executor, before_id: int, limit: int) -> Sequence[Row]:
    """Rows below this number, newest first, for people."""
    return await executor.execute(PAGE, before_id, limit)


def _link(row: Row) -> Link:
    entry = Entry(
        id=row["id"],
        at_micros=row["at_micros"],
        actor=row["actor"],
        action=row["action"],
        subject_id=row["subject_id"],
        before=row["before"],
        after=row["after"],
    )
    return Link(entry, row["digest"])
