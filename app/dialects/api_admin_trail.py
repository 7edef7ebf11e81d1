"""The audit trail, and the jobs that nobody knows the cost of; for the admin key alone."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.bind_unknown import bind_unknown
from app.admin.limits import Binding, Resubmission, Settlement
from app.admin.read_trail import list_trail, verify_trail
from app.admin.read_unknown import find_unknown, list_unknown
from app.admin.resubmit_unknown import resubmit_unknown
from app.admin.settle_unknown import settle_unknown
from app.audit.chain import Head
from app.dialects.access import gateway_of
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


@router.get("/unknown/{id}")
async def unknown_job(request: Request) -> Response:
    """All that is known of one job that is or was unknown."""
    admin = await admin_of(request)
    return answer(await find_unknown(admin, path_id(request)))


@router.post("/unknown/{id}")
async def settled_job(request: Request) -> Response:
    """Says, once, what a job cost after all; one that is still unknown is given up by that."""
    admin, jobs = await admin_of(request), gateway_of(request).jobs
    job_id, settlement = path_id(request), await asked(request, Settlement)
    return answer(await settle_unknown(admin, jobs, ACTOR, job_id, settlement))


@router.post("/unknown/{id}/bind")
async def bound_job(request: Request) -> Response:
    """Says under which id the upstream has an unknown job; it is followed from there."""
    admin, jobs = await admin_of(request), gateway_of(request).jobs
    job_id, binding = path_id(request), await asked(request, Binding)
    return answer(await bind_unknown(admin, jobs, ACTOR, job_id, binding))


@router.post("/unknown/{id}/resubmit")
async def resubmitted_job(request: Request) -> Response:
    """Sends an unknown job once more, though it may be paid for twice."""
    admin, jobs = await admin_of(request), gateway_of(request).jobs
    job_id, resubmission = path_id(request), await asked(request, Resubmission)
    return answer(await resubmit_unknown(admin, jobs, ACTOR, job_id, resubmission))
