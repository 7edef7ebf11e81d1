"""Every deed of the purge; each is one short transaction on a bounded number of jobs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.retention import statements
from app.retention.digests import Digests
from app.retention.statements import JOBS, JOBS_AT_ONCE, PAYLOADS, Kind
from app.retention.terms import Terms
from app.storage.postgres import Database, Row, Transaction
from app.vault.repository import forget_job_images

# How long after its time a job is looked for first. Most have ended by then, and one that was recorded late,
# or with the id of another machine's clock, is there.
SLACK_SECONDS: Final = 60.0
# When a job that could not go is judged again.
AGAIN_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Due:
    """A team of which something is past its time: the jobs between two ids."""

    team_id: UUID
    team: str
    until: UUID
    end_id: UUID


@dataclass(frozen=True, slots=True)
class Step:
    """What a step came to: how many jobs went or lost their payload, and whether there may be more."""

    gone: int
    is_more: bool


NOTHING: Final = Step(0, is_more=False)


class RetentionRepository:
    """What is past its time, and how it goes; any number of processes may do this at once."""

    def __init__(
        self,
        database: Database,
        terms: Terms,
        digests: Digests,
        *,
        slack_seconds: float = SLACK_SECONDS,
        again_seconds: float = AGAIN_SECONDS,
    ) -> None:
        self._database = database
        self._terms = terms
        self._digests = digests
        self._slack_seconds = slack_seconds
        self._again_seconds = again_seconds

    async def due(self, kind: Kind) -> Sequence[Due]:
        """Teams of which something is past its time and has not been looked at; in no order."""
        terms = self._terms
        days = terms.payload_days if terms.job_days is None else terms.job_days
        await self._database.execute(statements.OPEN_MARKS, days)
        rows = await self._database.execute(kind.due, self._slack_seconds, *self._term(kind))
        return [Due(**row) for row in rows]

    async def count(self, kind: Kind, due: Due) -> int:
        """How many jobs of a team that are."""
        [row] = await self._database.execute(kind.count, due.team_id, due.until, due.end_id)
        return int(row["number"])

    async def step(self, kind: Kind, due: Due) -> Step:
        """Takes the next of a team's jobs; what another process is at is left to it."""
        async with self._database.transaction() as transaction:
            held = await transaction.execute(kind.hold, due.team_id)
            if not held:
                return NOTHING
            ids = _ids(await transaction.execute(statements.NEXT, due.team_id, held[0]["until"], due.end_id))
            gone = await self._take(transaction, kind, ids)
            is_more = len(ids) == JOBS_AT_ONCE
            await transaction.execute(kind.advance, due.team_id, ids[-1] if is_more else due.end_id)
        return Step(gone, is_more)

    async def step_of_waiting(self, kind: Kind) -> Step:
        """Judges those again that could not go before."""
        async with self._database.transaction() as transaction:
            ids = _ids(await transaction.execute(statements.PUT_OFF, kind.name))
            gone = await self._take(transaction, kind, ids)
        return Step(gone, is_more=len(ids) == JOBS_AT_ONCE)

    async def purge_digests(self) -> int:
        """A bounded number of digests that are past the time of what they stand for."""
        [row] = await self._database.execute(statements.PURGE_DIGESTS, self._terms.payload_days)
        return int(row["number"])

    async def purge_deliveries(self) -> int:
        """A bounded number of webhooks that were delivered, or given up, long ago."""
        [row] = await self._database.execute(statements.PURGE_DELIVERIES, self._terms.delivery_days)
        return int(row["number"])

    async def find_prompt(self, team_id: UUID, prompt: str) -> Sequence[Row]:
        """The newest jobs of a team of which a digest is kept and whose prompt was exactly this."""
        digest = self._digests.of_text(team_id, prompt)
        return await self._database.execute(statements.FIND_PROMPT, team_id, digest)

    def _term(self, kind: Kind) -> tuple[object, ...]:
        if kind is JOBS:
            return (self._terms.job_days,)
        return (self._terms.payload_days, self._terms.grace_seconds)

    async def _take(self, transaction: Transaction, kind: Kind, ids: Sequence[UUID]) -> int:
        """Those of the jobs that may go, go; the rest waits. Returns how many went."""
        if not ids:
            return 0
        locked = _ids(await transaction.execute(statements.LOCK, ids))
        judged = {row["id"]: row for row in await self._judge(transaction, kind, locked)}
        going = [job_id for job_id in ids if job_id in judged and judged[job_id]["verdict"] == "go"]
        waiting = {
            job_id: judged[job_id]["again_in"] if job_id in judged else self._again_seconds
            for job_id in ids
            if job_id not in judged or judged[job_id]["verdict"] == "wait"
        }
        if going and kind is PAYLOADS:
            await self._purge_payloads(transaction, [judged[job_id] for job_id in going])
        elif going:
            await forget_job_images(transaction, going)
            await transaction.execute(statements.PURGE_JOBS, going)
        await transaction.execute(
            statements.WAIT_NO_MORE, kind.name, [job_id for job_id in ids if job_id not in waiting]
        )
        if waiting:
            await transaction.execute(statements.WAIT, kind.name, list(waiting), list(waiting.values()))
        return len(going)

    async def _judge(self, transaction: Transaction, kind: Kind, ids: Sequence[UUID]) -> Sequence[Row]:
        """A statement after the one that locks them: it sees what was committed until then."""
        if kind is PAYLOADS:
            further: object = self._terms.grace_seconds
        else:
            held = await transaction.execute(statements.HOLD_SUMS, ids)
            further = [row["team_id"] for row in held]
        days = self._term(kind)[0]
        return await transaction.execute(kind.judge, self._again_seconds, days, ids, further)

    async def _purge_payloads(self, transaction: Transaction, going: Sequence[Row]) -> None:
        hashed = [row["id"] for row in going if row["privacy"] == "hashed"]
        if hashed:
            plain = await transaction.execute(statements.PLAIN_DIGESTS, hashed)
            await transaction.execute(
                statements.KEEP_DIGESTS,
                [row["team_id"] for row in plain],
                [row["id"] for row in plain],
                *(
                    [self._digests.keyed(row["team_id"], row[what]) for row in plain]
                    for what in ("prompt", "input", "result")
                ),
            )
        await transaction.execute(statements.PURGE_PAYLOADS, [row["id"] for row in going])


def _ids(rows: Sequence[Row]) -> list[UUID]:
    return [row["id"] for row in rows]
