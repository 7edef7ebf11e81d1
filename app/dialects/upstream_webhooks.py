"""Where the upstream calls when a job has ended; the address is a secret between it and us."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of
from app.dialects.body import read_body
from app.jobs.hear import Letter, expect_webhook, hear_webhook
from app.webhooks.incoming_address import PREFIX

router = APIRouter(include_in_schema=False)


@router.post(PREFIX + "{job_id}/{mac}")
async def hear(request: Request) -> Response:
    """Takes the upstream's word that a job has ended."""
    gateway = gateway_of(request)
    job_id = expect_webhook(gateway.jobs, request.path_params["job_id"], request.path_params["mac"])
    body = await read_body(request, limit_bytes=gateway.settings.result_limit_bytes)
    await hear_webhook(gateway.jobs, job_id, Letter(request.headers.items(), body))
    return Response(status_code=204)
