"""What callers may know about their jobs beyond fal's protocol."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.job_filters import Sight
from app.audit.job_listing import list_jobs
from app.dialects.access import gateway_of, require_caller
from app.dialects.report_answers import json_answer
from app.dialects.report_questions import jobs_query
from app.jobs.describe import describe_job

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("")
async def many_jobs(request: Request) -> Response:
    """Jobs of the caller's team, newest first; of a browser token, those that were sent with it."""
    caller = await require_caller(request)
    query, filters, limit = jobs_query(request)
    gateway = gateway_of(request)
    page = await list_jobs(
        gateway.reports, gateway.cursors, Sight.of(caller), filters, cursor=query.text("cursor"), limit=limit
    )
    return json_answer(page)


@router.get("/{job_id}")
async def one_job(request: Request, job_id: str) -> Response:
    """One job of the caller's team: its real state, its input, its timeline, its cost."""
    caller = await require_caller(request)
    gateway = gateway_of(request)
    sight = Sight.of(caller)
    told = await describe_job(gateway.jobs, gateway.reports, gateway.webhooks.repository, sight, job_id)
    return json_answer(told)
