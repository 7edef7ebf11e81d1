"""Use cases: the webhooks of a team, listed; one of them, sent again."""

from typing import Any
from uuid import UUID

from app.audit.cursor import Cursors
from app.callers.caller import Caller
from app.callers.policy import Privacy
from app.errors import NotFound
from app.jobs.read import parse_id
from app.storage.postgres import Row
from app.webhooks.context import WebhookContext
from app.webhooks.delivery import DeliveryState
from app.webhooks.repository import WebhookRepository
from app.webhooks.signature import message_id_of


async def list_deliveries(
    repository: WebhookRepository,
    cursors: Cursors,
    caller: Caller,
    state: DeliveryState | None,
    *,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page, newest job first, and the cursor of the next; null when there is none.

    Raises:
        InvalidCursor: the cursor is not one of this listing.
        StorageUnavailable: the database does not answer.
    """
    listing = ["deliveries", str(caller.team_id), state]
    before = None if cursor is None else cursors.read(listing, cursor)
    rows = await repository.page(caller.team_id, state, before=before, limit=limit + 1)
    page = rows[:limit]
    next_cursor = cursors.sign(listing, page[-1]["job_id"]) if len(rows) > limit else None
    return {"items": [shown_delivery(row) for row in page], "next_cursor": next_cursor}


async def repeat_delivery(
    context: WebhookContext, caller: Caller, job_id: str, *, grace_seconds: float
) -> dict[str, Any]:
    """Has a webhook sent again now, under the same id, whatever came of it before.

    Raises:
        NotFound: the job has none, has not ended yet, or is another team's; nothing tells which.
        ResultExpired: there is nothing left to tell.
        StorageUnavailable: nothing was changed.
    """
    parsed = parse_id(job_id)
    kept_seconds = None if caller.privacy is Privacy.FULL else grace_seconds
    row = None
    if parsed is not None:
        row = await context.repository.repeat(caller.team_id, parsed, kept_seconds=kept_seconds)
    if row is None:
        raise NotFound("No ended job of yours with a webhook has this id.")
    return shown_delivery(row)


async def deliveries_of(repository: WebhookRepository, team_id: UUID, job_id: UUID) -> list[dict[str, Any]]:
    """The webhook of one job with every try, as a list that is empty or holds one.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    # In this order the state is never older than the last of the tries that are shown with it.
    attempts = [dict(attempt) for attempt in await repository.attempts(job_id)]
    row = await repository.find(team_id, job_id)
    return [] if row is None else [shown_delivery(row) | {"attempts": attempts}]


def shown_delivery(row: Row) -> dict[str, Any]:
    """A stored webhook in the words that its team knows it by. Pure."""
    return {**row, "id": message_id_of(row["job_id"]), "job_id": str(row["job_id"])}
