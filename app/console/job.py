"""The page of one job: its pictures, what was asked, how it went, what it cost; again, and cancel."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from app.admin.cancel_job import cancel_for_team
from app.audit.report_repository import Carried
from app.callers.sessions import Session
from app.console.access import read_form, require_session, require_team_session, sight_of
from app.console.job_input import NO_INPUT, SHOWN_INPUT_BYTES, input_of
from app.console.job_words import ending_of, steps_of
from app.console.jobs import shown
from app.console.operator_pages import ACTOR
from app.console.pages import fragment, go_to, page
from app.dialects.access import gateway_of
from app.errors import FluxgateError
from app.jobs.cancel import CancelAnswer, cancel_job
from app.jobs.describe import describe_job
from app.jobs.read import read_job
from app.jobs.repeat import repeat_job
from app.jobs.states import TERMINAL

# Answers that hold whole pictures tell nothing here that the pictures themselves do not.
SHOWN_ANSWER_BYTES: Final = 100_000
ON_THE_PAGE: Final = Carried(SHOWN_INPUT_BYTES, SHOWN_ANSWER_BYTES)
# What is asked for every two seconds does not show the input again.
IN_THE_FRAGMENT: Final = Carried(0, SHOWN_ANSWER_BYTES)

# The field of a form by which its second sending is the same job.
ONCE: Final = "once"

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
    told = await _told(request, session, job_id, IN_THE_FRAGMENT)
    return fragment(request, "job_now.html", **_shown(told, session))


@router.post("/console/jobs/{job_id}/again")
async def again(request: Request, job_id: str) -> Response:
    """Submits the same once more, and goes to the new job; a refusal is shown on the page of the old one."""
    session, caller = await require_team_session(request)
    once = (await read_form(request, session)).get(ONCE, [""])[0]
    try:
        submitted = await repeat_job(gateway_of(request).jobs, caller, job_id, once=f"{ONCE} {once}")
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
    return go_to(f"/console/jobs/{job_id}{query}")


async def _page(
    request: Request,
    session: Session,
    job_id: str,
    *,
    said: str | None = None,
    fault: FluxgateError | None = None,
) -> Response:
    told = await _told(request, session, job_id, ON_THE_PAGE)
    status_code = 200 if fault is None else fault.status
    text = None if fault is None else fault.detail
    given = NO_INPUT if told["input"] is None else input_of(told["input"])
    return page(
        request,
        "job.html",
        session,
        status_code,
        said=said,
        fault=text,
        given=given,
        once=str(uuid7()),
        unshown_bytes=told.get("input_bytes"),
        **_shown(told, session),
    )


async def _told(request: Request, session: Session, job_id: str, most: Carried) -> dict[str, Any]:
    """The job as it is recorded, as much of it as is shown."""
    gateway = gateway_of(request)
    return await describe_job(
        gateway.jobs, gateway.reports, gateway.webhooks.repository, sight_of(session), job_id, most=most
    )


def _shown(told: Mapping[str, Any], session: Session) -> dict[str, Any]:
    """What the templates of the page and of its changing part show alike. Pure, but for the time."""
    is_final = told["state"] in TERMINAL
    return {
        "job": shown(told),
        "is_final": is_final,
        "steps": steps_of(told["timeline"], now=datetime.now(UTC), is_final=is_final),
        "ending": ending_of(told),
        "is_admin": session.is_admin,
    }
