"""Use case: what a team does not keep any longer goes, a bounded piece at a time."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import structlog

from app.callers.pepper import derived_key
from app.retention.digests import KEY_PURPOSE, Digests
from app.retention.repository import RetentionRepository
from app.retention.statements import DELIVERIES_AT_ONCE, DIGESTS_AT_ONCE, JOBS, PAYLOADS, Kind
from app.retention.terms import Terms
from app.settings import Settings
from app.storage.postgres import Database

# So many steps are one piece: teams take turns at them, in an order that is left to chance.
STEPS_AT_ONCE: Final = 40

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Piece:
    """What went in one piece of the purge, and whether there may be more."""

    payloads: int
    jobs: int
    digests: int
    deliveries: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class Overdue:
    """How much of a team is past its time; some of it may have to stay a while."""

    team: str
    payloads: int
    jobs: int


async def purge_piece(repository: RetentionRepository) -> Piece:
    """One bounded piece: some steps for teams by turns, and one for those jobs that had to wait.

    Whole jobs go first, or their payloads would go twice.

    Raises:
        StorageUnavailable: what went until then has gone.
    """
    jobs, more_jobs = await _steps(repository, JOBS)
    payloads, more_payloads = await _steps(repository, PAYLOADS)
    digests = await repository.purge_digests()
    deliveries = await repository.purge_deliveries()
    is_more = more_jobs or more_payloads or digests >= DIGESTS_AT_ONCE or deliveries >= DELIVERIES_AT_ONCE
    piece = Piece(payloads, jobs, digests, deliveries, is_more=is_more)
    if payloads or jobs or digests or deliveries:
        log.info("retention.purged", payloads=payloads, jobs=jobs, digests=digests, deliveries=deliveries)
    return piece


async def overdue(repository: RetentionRepository) -> list[Overdue]:
    """What a purge would look at now, by team; nothing is changed.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    found: dict[str, dict[str, int]] = {}
    for kind, name in ((PAYLOADS, "payloads"), (JOBS, "jobs")):
        for due in await repository.due(kind):
            found.setdefault(due.team, {})[name] = await repository.count(kind, due)
    return [
        Overdue(team, counts.get("payloads", 0), counts.get("jobs", 0))
        for team, counts in sorted(found.items())
    ]


def open_retention(settings: Settings, database: Database, pepper: bytes) -> RetentionRepository:
    """The purge as the settings ask for it."""
    digests = Digests(derived_key(pepper, KEY_PURPOSE))
    return RetentionRepository(database, Terms.of(settings), digests)


async def _steps(repository: RetentionRepository, kind: Kind) -> tuple[int, bool]:
    """A bounded number of steps, by turns; how many jobs went, and whether there may be more."""
    waiting = await repository.step_of_waiting(kind)
    gone, turns = waiting.gone, deque(await repository.due(kind))
    for _ in range(STEPS_AT_ONCE):
        if not turns:
            break
        due = turns.popleft()
        step = await repository.step(kind, due)
        gone += step.gone
        if step.is_more:
            turns.append(due)
    return gone, waiting.is_more or bool(turns)
