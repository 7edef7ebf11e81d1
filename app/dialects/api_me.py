"""What the presented credential may do, has spent, and has left."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.standing import describe_caller
from app.dialects.access import gateway_of, require_caller
from app.dialects.query import Query
from app.dialects.report_answers import json_answer

router = APIRouter(prefix="/api/me", tags=["me"])


@router.get("")
async def me(request: Request) -> Response:
    """The credential, its limits, and how much of them is used at this moment."""
    caller = await require_caller(request)
    Query(request, ()).check()
    gateway = gateway_of(request)
    listed = [model.id for model in gateway.jobs.catalogue.listed()]
    return json_answer(await describe_caller(gateway.reports, caller, listed_models=listed))
