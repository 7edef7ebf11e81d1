"""What callers may know about the pictures in the vault, with fresh links to them."""

import re
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.dialects.access import gateway_of, require_caller, require_key
from app.dialects.query import Query
from app.dialects.report_answers import json_answer
from app.errors import InvalidInput
from app.jobs.images import images_of_job, images_with_content

PAGE_LIMIT: Final = 100
DEFAULT_PAGE: Final = 50
DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

MISSING: Final = {
    "loc": ["query", "sha256"],
    "msg": "sha256: name the content to look for",
    "type": "missing",
}

router = APIRouter(prefix="/api/images", tags=["vault"])


@router.get("")
async def images_by_content(request: Request) -> Response:
    """Pictures of the caller's team that have the content of this SHA-256, the newest job first."""
    caller = await require_key(request)
    query = Query(request, ("sha256", "cursor", "limit"))
    limit = query.count("limit", most=PAGE_LIMIT, default=DEFAULT_PAGE)
    sha256 = query.read("sha256", _digest)
    query.check()
    if sha256 is None:
        raise InvalidInput([MISSING])
    gateway = gateway_of(request)
    page = await images_with_content(
        gateway.vault, gateway.cursors, caller, sha256, cursor=query.text("cursor"), limit=limit
    )
    return json_answer(page)


@router.get("/{job_id}")
async def images_by_job(request: Request, job_id: str) -> Response:
    """The pictures of one job: how each stands in the vault, and links to it."""
    caller = await require_caller(request)
    gateway = gateway_of(request)
    return json_answer(await images_of_job(gateway.jobs, gateway.vault, caller, job_id))


def _digest(text: str) -> bytes:
    if not DIGEST.fullmatch(text):
        raise ValueError("write a SHA-256 as 64 digits from 0 to f")
    return bytes.fromhex(text)
