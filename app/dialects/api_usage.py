"""What a team used, for those who hold one of its keys."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.usage import report_usage, usage_csv
from app.audit.usage_report import UsageQuestion
from app.dialects.access import gateway_of, require_key
from app.dialects.report_answers import csv_answer, json_answer
from app.dialects.report_questions import usage_query

router = APIRouter(prefix="/api", tags=["usage"])


@router.get("/usage")
async def usage(request: Request) -> Response:
    """Jobs, pictures and money of the caller's team, line by line for what `group_by` names."""
    question = await _question(request)
    return json_answer(await report_usage(gateway_of(request).reports, question))


@router.get("/usage.csv")
async def usage_as_csv(request: Request) -> Response:
    """The lines of the same report as a CSV file."""
    question = await _question(request)
    return await csv_answer(usage_csv(gateway_of(request).reports, question), question)


async def _question(request: Request) -> UsageQuestion:
    caller = await require_key(request)
    _, question = usage_query(request)
    return replace(question, team_id=caller.team_id)
