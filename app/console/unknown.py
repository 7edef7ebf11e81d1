"""The pages of jobs that nobody knows the cost of: all of them, and one with the operator's three choices."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.bind_unknown import bind_unknown
from app.admin.limits import Binding, Resubmission, Settlement, read_as
from app.admin.read_unknown import find_unknown, list_unknown
from app.admin.resubmit_unknown import resubmit_unknown
from app.admin.settle_unknown import settle_unknown
from app.audit.shown_job import shown_entry
from app.callers.sessions import Session
from app.console.access import read_form, require_admin_session
from app.console.account_forms import Form, asked_for, typed_again, typed_in
from app.console.operator_pages import ACTOR, admin_of
from app.console.pages import go_to, page
from app.console.unknown_words import choices_of
from app.dialects.access import gateway_of
from app.dialects.admin_access import page_query, path_id
from app.errors import Conflict, InvalidInput, UpstreamUnavailable

SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bind": "The job is bound to the upstream's id and is followed from there.",
        "settle": "What it cost is settled.",
        "resubmit": "The job is sent again. When it has ended, settle it with what the bill says.",
    }
)

router = APIRouter(include_in_schema=False)


@router.get("/console/unknown")
async def unknown(request: Request) -> Response:
    """Jobs of unknown cost, newest first."""
    session = await require_admin_session(request)
    _, cursor, limit = page_query(request)
    found = await list_unknown(admin_of(request), cursor=cursor, limit=limit)
    return page(request, "unknown.html", session, jobs=found["items"], next_cursor=found["next_cursor"])


@router.get("/console/unknown/{id}")
async def one_unknown(request: Request) -> Response:
    """All that is known of one, and what can be done about it."""
    return await _page(request, await require_admin_session(request))


@router.post("/console/unknown/{id}/bind")
async def bind(request: Request) -> Response:
    """Gives the job the id that the upstream has it under."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), ("upstream_id", "note"))
    admin, jobs, job_id = admin_of(request), gateway_of(request).jobs, path_id(request)
    try:
        binding = read_as(Binding, {**asked_for(typed), "upstream_id": typed["upstream_id"]})
        await bind_unknown(admin, jobs, ACTOR, job_id, binding)
    except (InvalidInput, Conflict, UpstreamUnavailable) as error:
        return await _refused(request, session, "bind", typed, error)
    return go_to(f"/console/unknown/{job_id}?said=bind")


@router.post("/console/unknown/{id}/settle")
async def settle(request: Request) -> Response:
    """Says what the job cost after all."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), ("cost_usd", "note"))
    admin, jobs, job_id = admin_of(request), gateway_of(request).jobs, path_id(request)
    try:
        settlement = read_as(Settlement, {**asked_for(typed), "cost_usd": typed["cost_usd"]})
        await settle_unknown(admin, jobs, ACTOR, job_id, settlement)
    except (InvalidInput, Conflict) as error:
        return await _refused(request, session, "settle", typed, error)
    return go_to(f"/console/unknown/{job_id}?said=settle")


@router.post("/console/unknown/{id}/resubmit")
async def resubmit(request: Request) -> Response:
    """Sends the job once more."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), ("note",))
    admin, jobs, job_id = admin_of(request), gateway_of(request).jobs, path_id(request)
    try:
        await resubmit_unknown(admin, jobs, ACTOR, job_id, read_as(Resubmission, asked_for(typed)))
    except (InvalidInput, Conflict) as error:
        return await _refused(request, session, "resubmit", typed, error)
    return go_to(f"/console/unknown/{job_id}?said=resubmit")


async def _refused(
    request: Request,
    session: Session,
    deed: str,
    typed: Mapping[str, str],
    error: InvalidInput | Conflict | UpstreamUnavailable,
) -> Response:
    """The page again, with what was typed and why it was not done."""
    if isinstance(error, InvalidInput):
        form = typed_again(typed, error.problems)
    else:
        form = Form(typed, fault=error.detail)
    return await _page(request, session, {deed: form}, error.status)


async def _page(
    request: Request, session: Session, forms: Mapping[str, Form] | None = None, status_code: int = 200
) -> Response:
    gateway, job_id = gateway_of(request), path_id(request)
    job = await find_unknown(gateway.admin, job_id)
    entries = await gateway.reports.ledger_of(job["team_id"], job_id)
    values: dict[str, Any] = {
        "job": job,
        "events": await gateway.jobs.repository.events(job_id),
        "ledger": [shown_entry(entry) for entry in entries],
        "why_not": choices_of(job),
        "forms": dict.fromkeys(("bind", "settle", "resubmit"), Form({})) | dict(forms or {}),
        "said": SAID.get(request.query_params.get("said", "")),
    }
    return page(request, "unknown_job.html", session, status_code, **values)
