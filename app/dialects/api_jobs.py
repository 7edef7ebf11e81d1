"""What callers may know about their jobs beyond fal's protocol."""

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of, require_caller
from app.dialects.error_responses import JSON_TYPE
from app.jobs.describe import describe_job

router = APIRouter(prefix="/api/jobs", tags=["jobs"])


@router.get("/{job_id}")
async def one_job(request: Request, job_id: str) -> Response:
    """One job of the caller's team: its real state, its input, its timeline, its attempts."""
    caller = await require_caller(request)
    described = await describe_job(gateway_of(request).jobs, caller, job_id)
    return Response(orjson.dumps(described, option=orjson.OPT_UTC_Z), media_type=JSON_TYPE)
