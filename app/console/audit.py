"""The pages of the audit trail: its changes, newest first, and whether it is whole."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.read_trail import list_trail, verify_trail
from app.audit.chain import Head
from app.console.access import read_form, require_admin_session
from app.console.account_forms import Form, typed_in
from app.console.change_words import shown_change
from app.console.operator_pages import admin_of
from app.console.pages import page
from app.dialects.admin_access import page_query

router = APIRouter(include_in_schema=False)


@router.get("/console/audit")
async def audit(request: Request) -> Response:
    """Changes of teams, keys, limits and prices, newest first."""
    session = await require_admin_session(request)
    _, cursor, limit = page_query(request)
    found = await list_trail(admin_of(request), cursor=cursor, limit=limit)
    changes = [shown_change(change) for change in found["items"]]
    return page(request, "audit.html", session, changes=changes, next_cursor=found["next_cursor"])


@router.post("/console/audit/verify")
async def verify(request: Request) -> Response:
    """Reads the whole trail, which takes its time where it is long, and tells whether it is whole."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), ("noted",))
    try:
        noted = Head.parse(typed["noted"]) if typed["noted"] else None
    except ValueError as error:
        form = Form(typed, {"noted": str(error)})
        return page(request, "audit_verdict.html", session, 422, form=form, verdict=None)
    verdict = await verify_trail(admin_of(request), noted)
    return page(request, "audit_verdict.html", session, form=Form(typed), verdict=verdict)
