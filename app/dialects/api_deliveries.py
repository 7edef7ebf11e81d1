"""A team's webhooks: which were delivered, which were not, and those that are to be sent again."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of, require_key
from app.dialects.query import Query
from app.dialects.report_answers import json_answer
from app.jobs.deliveries import list_deliveries, repeat_delivery
from app.webhooks.delivery import DeliveryState

PAGE_LIMIT: Final = 100
DEFAULT_PAGE: Final = 50
STATES: Final = tuple(state.value for state in DeliveryState)

router = APIRouter(prefix="/api/deliveries", tags=["webhooks"])


@router.get("")
async def many_deliveries(request: Request) -> Response:
    """Webhooks of the caller's team, newest job first."""
    caller = await require_key(request)
    query = Query(request, ("state", "cursor", "limit"))
    limit = query.count("limit", most=PAGE_LIMIT, default=DEFAULT_PAGE)
    word = query.one_of("state", STATES)
    query.check()
    gateway = gateway_of(request)
    state = None if word is None else DeliveryState(word)
    cursor = query.text("cursor")
    page = await list_deliveries(
        gateway.webhooks.repository, gateway.cursors, caller, state, cursor=cursor, limit=limit
    )
    return json_answer(page)


@router.post("/{job_id}/repeat")
async def repeated(request: Request, job_id: str) -> Response:
    """Sends the webhook of one job again, now and with the same id."""
    caller = await require_key(request)
    gateway = gateway_of(request)
    grace_seconds = float(gateway.settings.result_grace_seconds)
    delivery = await repeat_delivery(gateway.webhooks, caller, job_id, grace_seconds=grace_seconds)
    gateway.jobs.deliver_now()
    return json_answer(delivery)
