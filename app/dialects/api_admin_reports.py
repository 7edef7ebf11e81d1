"""The same reports over all teams, or over one that is named; for the admin key alone."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.job_filters import Sight
from app.audit.job_listing import list_jobs
from app.audit.teams import find_team
from app.audit.usage import report_usage, usage_csv
from app.audit.usage_report import UsageQuestion
from app.dialects.access import gateway_of, require_admin
from app.dialects.report_answers import csv_answer, json_answer
from app.dialects.report_questions import TEAM, jobs_query, usage_query
from app.jobs.describe import describe_job

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.get("/jobs")
async def many_jobs(request: Request) -> Response:
    """Jobs of all teams, newest first."""
    await require_admin(request)
    query, filters, limit = jobs_query(request, TEAM)
    gateway = gateway_of(request)
    sight = Sight(team_id=await find_team(gateway.reports, query.text(TEAM)))
    page = await list_jobs(
        gateway.reports, gateway.cursors, sight, filters, cursor=query.text("cursor"), limit=limit
    )
    return json_answer(page)


@router.get("/jobs/{job_id}")
async def one_job(request: Request, job_id: str) -> Response:
    """One job of any team, as its team may see it."""
    await require_admin(request)
    gateway = gateway_of(request)
    told = await describe_job(gateway.jobs, gateway.reports, gateway.webhooks.repository, Sight(), job_id)
    return json_answer(told)


@router.get("/usage")
async def usage(request: Request) -> Response:
    """Jobs, pictures and money of all teams, line by line for what `group_by` names."""
    question = await _question(request)
    return json_answer(await report_usage(gateway_of(request).reports, question))


@router.get("/usage.csv")
async def usage_as_csv(request: Request) -> Response:
    """The lines of the same report as a CSV file."""
    question = await _question(request)
    return await csv_answer(usage_csv(gateway_of(request).reports, question), question)


async def _question(request: Request) -> UsageQuestion:
    await require_admin(request)
    query, question = usage_query(request, TEAM)
    return replace(question, team_id=await find_team(gateway_of(request).reports, query.text(TEAM)))
