"""Every deed and question on stored webhooks; the statements are in a module of their own."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from app.errors import ResultExpired
from app.storage.postgres import Database, Row
from app.webhooks import statements
from app.webhooks.delivery import ClaimedDelivery, DeliveryState, Tried, Verdict
from app.webhooks.payload import EndedJob

# Results up to this size need no room: as many as may be under way side by side are a few megabytes.
SMALL_BYTES: Final = 65_536


class WebhookRepository:
    """Webhooks that are owed, were tried, or were given up."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds

    async def claim_due(
        self,
        limit: int,
        *,
        per_host: int,
        busy: Mapping[str, int],
        held: Mapping[UUID, int],
        room_bytes: int,
    ) -> Sequence[ClaimedDelivery]:
        """Takes over webhooks that are due: of each team in turn, those that have waited longest first.

        Args:
            limit: how many at most.
            per_host: how many a receiver gets at a time from this process, with those that are under way.
            busy: how many are under way, by receiver.
            held: how many are under way, by team.
            room_bytes: large results are taken as long as those before them have fewer bytes together.
        """
        rows = await self._database.execute(
            statements.CLAIM_DUE,
            self._lease_seconds,
            limit,
            list(busy),
            list(busy.values()),
            per_host,
            list(held),
            list(held.values()),
            SMALL_BYTES,
            room_bytes,
        )
        return [ClaimedDelivery(**row) for row in rows]

    async def letter(self, job_id: UUID) -> tuple[EndedJob, int]:
        """How the job ended, and the time to sign it at, in seconds since 1970."""
        [row] = await self._database.execute(statements.LETTER, job_id)
        told = dict(row)
        signed_at = int(told.pop("signed_at"))
        return EndedJob(**told), signed_at

    async def write(self, claimed: ClaimedDelivery, tried: Tried, verdict: Verdict) -> bool:
        """Writes what came of a try; False when the webhook has another owner by now."""
        rows = await self._database.execute(
            statements.WRITE,
            claimed.job_id,
            claimed.epoch,
            verdict.again_in_seconds,
            verdict.state,
            tried.status_code,
            tried.error,
            tried.milliseconds,
        )
        return bool(rows)

    async def repeat(self, team_id: UUID, job_id: UUID, *, kept_seconds: float | None) -> Row | None:
        """Makes a webhook of this team due now; as it stands then, or None when there is none.

        Args:
            team_id: whose it has to be.
            job_id: the job that it tells of.
            kept_seconds: how long after a job's end its result is given out; None as long as it is there.

        Raises:
            ResultExpired: there is nothing left to tell.
        """
        async with self._database.transaction() as transaction:
            held = await transaction.execute(statements.HOLD_JOB, job_id, team_id, kept_seconds)
            if held and held[0]["is_past"]:
                raise ResultExpired("The result of this job is not kept any more.", job_id=str(job_id))
            # In the order in which a try writes them, so that neither waits for the other.
            await transaction.execute(statements.OWE_AGAIN, job_id, team_id)
            await transaction.execute(statements.MARK_PENDING, job_id, team_id)
            rows = await transaction.execute(statements.ONE, job_id, team_id)
        return rows[0] if rows else None

    async def find(self, team_id: UUID, job_id: UUID) -> Row | None:
        """The webhook of one job of this team; None when there is none."""
        rows = await self._database.execute(statements.ONE, job_id, team_id)
        return rows[0] if rows else None

    async def attempts(self, job_id: UUID) -> Sequence[Row]:
        """Every try of one webhook, in order."""
        return await self._database.execute(statements.ATTEMPTS, job_id)

    async def page(
        self, team_id: UUID, state: DeliveryState | None, *, before: UUID | None, limit: int
    ) -> Sequence[Row]:
        """Webhooks of a team, newest first, below the id `before`."""
        return await self._database.execute(statements.page(state), team_id, before, limit)
