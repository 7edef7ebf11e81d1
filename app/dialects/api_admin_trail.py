"""The audit trail, and the jobs that nobody knows the cost of; for the admin key alone."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.limits import Settlement
from app.admin.read_trail import list_trail, verify_trail
from app.admin.read_unknown import list_unknown
from app.admin.settle_unknown import settle_unknown
from app.audit.chain import Head
from app.dialects.admin_access import ACTOR, admin_of, answer, asked, page_query, path_id
from app.dialects.query import Query

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.get("/audit")
async def trail(request: Request) -> Response:
    """Changes of teams, keys, limits and prices, newest first."""
    admin = await admin_of(request)
    _, cursor, limit = page_query(request)
    return answer(await list_trail(admin, cursor=cursor, limit=limit))


@router.get("/audit/verify")
async def verified_trail(request: Request) -> Response:
    """Whether the trail is whole; `noted` is a `head` that an earlier answer told."""
    admin = await admin_of(request)
    query = Query(request, ("noted",))
    noted = query.read("noted", Head.parse)
    query.check()
    return answer(await verify_trail(admin, noted))


@router.get("/unknown")
async def unknown_jobs(request: Request) -> Response:
    """Jobs that may or may not have been accepted upstream and are not settled, newest first."""
    admin = await admin_of(request)
    _, cursor, limit = page_query(request)
    return answer(await list_unknown(admin, cursor=cursor, limit=limit))


@router.post("/unknown/{id}")
async def settled_job(request: Request) -> Response:
    """Says, once, what a lost job cost after all."""
    admin = await admin_of(request)
    return answer(await settle_unknown(admin, ACTOR, path_id(request), await asked(request, Settlement)))
