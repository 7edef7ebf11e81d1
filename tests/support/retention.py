"""The purge as tests run it: in this process, with the test's own terms."""

from typing import Any

from app.callers.pepper import derived_key
from app.retention.digests import KEY_PURPOSE, Digests
from app.retention.purge import purge_piece
from app.retention.repository import RetentionRepository
from app.retention.terms import Terms
from app.storage.postgres import Database as AppDatabase
from tests.support.database import Database
from tests.support.history import with_app_database
from tests.support.stores import PEPPER

DIGESTS = Digests(derived_key(PEPPER.encode(), KEY_PURPOSE))


def retention_on(
    app: AppDatabase,
    *,
    grace_seconds: int = 3600,
    payload_days: int | None = None,
    job_days: int | None = None,
    delivery_days: int = 30,
) -> RetentionRepository:
    """The purge on a database, without the time in which jobs may still end."""
    terms = Terms(grace_seconds, payload_days, job_days, delivery_days)
    return RetentionRepository(app, terms, DIGESTS, slack_seconds=0.0)


async def purge_all(retention: RetentionRepository) -> None:
    """Piece by piece until nothing more is to be done now."""
    while (await purge_piece(retention)).is_more:
        pass


def purge(database: Database, **terms: Any) -> None:
    """Everything that is past its time, on these terms; twice, for those that had to wait for another one."""
    for _ in range(2):
        database.rows("UPDATE work SET due_at = now() WHERE kind LIKE 'purge%'")
        with_app_database(database, lambda app: purge_all(retention_on(app, **terms)))
