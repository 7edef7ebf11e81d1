"""The page of one job: its pictures, what was asked, how it went, what it cost; again, and cancel."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.admin.cancel_job import cancel_for_team
from app.callers.sessions import Session
from app.console.access import read_form, require_session, require_team_session, sight_of
from app.console.job_words import ending_of, steps_of
from app.console.jobs import shown
from app.console.pages import PAGE_HEADERS, fragment, page
from app.dialects.access import gateway_of
from app.errors import FluxgateError
from app.jobs.cancel import CancelAnswer, cancel_job
from app.jobs.describe import describe_job
from app.jobs.read import read_job
from app.jobs.repeat import repeat_job
from app.jobs.states import TERMINAL

ACTOR: Final = "console:admin key"

# What became of a wish to cancel, as the page says it.
SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        CancelAnswer.OK: "The job is cancelled.",
        CancelAnswer.REQUESTED: "The upstream was asked to stop it; the page tells what becomes of that.",
        CancelAnswer.TOO_LATE: "It was too late: the job had ended.",
    }
)

router = APIRouter(include_in_schema=False)


@router.get("/console/jobs/{job_id}")
async def job(request: Request, job_id: str) -> Response:
    """Everything about one job."""
    session = await require_session(request)
    return await _page(request, session, job_id, said=SAID.get(request.query_params.get("cancelled", "")))


@router.get("/console/jobs/{job_id}/now")
async def job_now(request: Request, job_id: str) -> Response:
    """The part of the page that changes while the job is open."""
    session = await require_session(request)
    return fragment(request, "job_now.html", **await _told(request, session, job_id))


@router.post("/console/jobs/{job_id}/again")
async def again(request: Request, job_id: str) -> Response:
    """Submits the same once more, and goes to the new job; a refusal is shown on the page of the old one."""
    session, caller = await require_team_session(request)
    await read_form(request, session)
    try:
        submitted = await repeat_job(gateway_of(request).jobs, caller, job_id)
    except FluxgateError as error:
        # The job may be there and have failed at once; then its own page says why.
        if error.job_id is not None and error.job_id != job_id:
            return _to(error.job_id)
        return await _page(request, session, job_id, fault=error)
    return _to(submitted.view.id)


@router.post("/console/jobs/{job_id}/cancel")
async def cancel(request: Request, job_id: str) -> Response:
    """Stops the job where that is still possible; what the admin stops is in the trail."""
    session = await require_session(request)
    await read_form(request, session)
    gateway = gateway_of(request)
    if session.caller is None:
        word = await cancel_for_team(gateway.admin, gateway.jobs, ACTOR, job_id)
    else:
        view = await read_job(gateway.jobs, session.caller, job_id, must_be_new=True)
        word = await cancel_job(gateway.jobs, view)
    return _to(job_id, f"?cancelled={word}")


def _to(job_id: str, query: str = "") -> Response:
    return RedirectResponse(f"/console/jobs/{job_id}{query}", 303, dict(PAGE_HEADERS))


async def _page(
    request: Request,
    session: Session,
    job_id: str,
    *,
    said: str | None = None,
    fault: FluxgateError | None = None,
) -> Response:
    told = await _told(request, session, job_id)
    status_code = 200 if fault is None else fault.status
    text = None if fault is None else fault.detail
    return page(request, "job.html", session, status_code, said=said, fault=text, **told)


async def _told(request: Request, session: Session, job_id: str) -> dict[str, Any]:
    """What the templates of the page show."""
    gateway = gateway_of(request)
    told = await describe_job(
        gateway.jobs, gateway.reports, gateway.webhooks.repository, sight_of(session), job_id
    )
    given = _object(told["input"])
    is_final = told["state"] in TERMINAL
    return {
        "job": shown(told),
        "given": given,
        "given_text": orjson.dumps(given, option=orjson.OPT_INDENT_2).decode() if given else None,
        "is_final": is_final,
        "steps": steps_of(told["timeline"], now=datetime.now(UTC), is_final=is_final),
        "ending": ending_of(told),
        "is_admin": session.is_admin,
    }


def _object(fragment_of_json: orjson.Fragment | None) -> dict[str, Any]:
    """The input as it is stored; an empty one where it is not kept."""
    if fragment_of_json is None:
        return {}
    given = orjson.loads(orjson.dumps(fragment_of_json))
    return given if isinstance(given, dict) else {}
