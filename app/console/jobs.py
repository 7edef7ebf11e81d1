"""The page of jobs: filters, a table, older ones behind it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.audit.job_listing import list_jobs
from app.audit.teams import find_team
from app.callers.sessions import Session
from app.console.access import require_session, sight_of
from app.console.pages import page
from app.dialects.access import gateway_of
from app.dialects.report_questions import JOB_NAMES, STATES, TEAM, jobs_query
from app.errors import InvalidCursor, InvalidInput

# The filters in the order of the form; a page's address is made of these.
FILTERS: Final = tuple(name for name in JOB_NAMES if name not in ("limit", "cursor"))
NO_CURSOR: Final = {
    "name": "cursor",
    "msg": "This page belongs to other filters or to another sign-in; here are the newest.",
}

router = APIRouter(include_in_schema=False)


@router.get("/console/jobs")
async def jobs(request: Request) -> Response:
    """Jobs that the signed-in may see, newest first; what is wrong with a filter stands beside the form."""
    session = await require_session(request)
    try:
        found, problems = await _found(request, session), []
    except InvalidInput as error:
        found, problems = None, [_problem(one) for one in error.problems]
    except InvalidCursor:
        found, problems = None, [NO_CURSOR]
    return page(
        request,
        "jobs.html",
        session,
        422 if problems else 200,
        found=found,
        problems=problems,
        wrong={problem["name"] for problem in problems},
        filters=_filters(request, session),
        states=STATES,
        models=[model.id for model in gateway_of(request).jobs.catalogue.listed()],
    )


async def _found(request: Request, session: Session) -> dict[str, Any]:
    """The page of jobs that the address asks for."""
    more = (TEAM,) if session.is_admin else ()
    query, filters, limit = jobs_query(request, *more, from_form=True)
    gateway, sight = gateway_of(request), sight_of(session)
    if session.is_admin:
        sight = replace(sight, team_id=await find_team(gateway.reports, query.text(TEAM)))
    found = await list_jobs(
        gateway.reports, gateway.cursors, sight, filters, cursor=query.text("cursor"), limit=limit
    )
    return found | {"items": [shown(job) for job in found["items"]]}


def shown(job: Mapping[str, Any]) -> dict[str, Any]:
    """A job as the table shows it: whether it has a picture to show, and how long it took. Pure."""
    return {
        **job,
        "has_picture": job["state"] == "succeeded" and _has_images(job),
        "took_seconds": _seconds_between(job["created_at"], job["completed_at"]),
    }


def _has_images(job: Mapping[str, Any]) -> bool:
    """A very large answer does not tell its pictures in a listing, and has some all the same."""
    return bool(job["images"]) or (job["images"] is None and job["purged_at"] is None)


def _seconds_between(begun: datetime, ended: datetime | None) -> float | None:
    return None if ended is None else (ended - begun).total_seconds()


def _filters(request: Request, session: Session) -> dict[str, str]:
    """What the form holds: every filter, as it was written."""
    names = (*FILTERS, TEAM) if session.is_admin else FILTERS
    return {name: request.query_params.get(name, "").strip() for name in names}


def _problem(problem: Mapping[str, Any]) -> dict[str, str]:
    name = str(problem["loc"][-1])
    return {"name": name, "msg": str(problem["msg"]).removeprefix(f"{name}: ")}
