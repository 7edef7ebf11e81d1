"""Signing in with a key, and out again."""

import re
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.access import read_form, require_session
from app.console.pages import go_to, page
from app.dialects.access import gateway_of, session_of
from app.errors import Unauthorized

SIGN_IN_PATH: Final = "/console/sign-in"
HOME: Final = "/console"

# Where one wanted to go; an address of ours, and never another host's.
_OWN_PAGE: Final = re.compile(r"/(?:console|playground)(?:[/?][A-Za-z0-9/?&=%._~:+,-]*)?")

router = APIRouter(include_in_schema=False)


@router.get(SIGN_IN_PATH)
async def sign_in_form(request: Request) -> Response:
    """Asks for a key; whoever is signed in already goes on."""
    wanted = page_in(request.query_params.get("next"))
    if await session_of(request) is not None:
        return go_to(wanted)
    return page(request, "sign_in.html", None, wanted=wanted, fault=None)


@router.post(SIGN_IN_PATH)
async def sign_in(request: Request) -> Response:
    """Begins a session; the key itself is kept nowhere."""
    fields = await read_form(request, None)
    wanted = page_in(fields.get("next", [None])[0])
    sessions = gateway_of(request).sessions
    try:
        signed_in = await sessions.sign_in(fields.get("key", [""])[0].strip())
    except Unauthorized as refusal:
        return _refused(request, refusal, wanted)
    answer = go_to(wanted)
    answer.set_cookie(
        sessions.cookie_name,
        signed_in.secret,
        expires=signed_in.expires_at,
        secure=gateway_of(request).public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


@router.post("/console/sign-out")
async def sign_out(request: Request) -> Response:
    """Ends the session, here and in the database."""
    await read_form(request, await require_session(request))
    sessions = gateway_of(request).sessions
    await sessions.sign_out(request.cookies[sessions.cookie_name])
    answer = go_to(SIGN_IN_PATH)
    answer.delete_cookie(
        sessions.cookie_name,
        secure=gateway_of(request).public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )
    return answer


def _refused(request: Request, refusal: Unauthorized, wanted: str) -> Response:
    """The form again, with what is wrong; the same addresses are told to wait here as elsewhere."""
    told = request.app.state.render_error.counted(request, refusal)
    fault = "This is no key of this gateway, or it is revoked or expired."
    answer = page(
        request,
        "sign_in.html",
        None,
        told.status,
        wanted=wanted,
        fault=fault if told is refusal else told.detail,
    )
    if told.retry_after_seconds is not None:
        answer.headers["retry-after"] = str(told.retry_after_seconds)
    return answer


def page_in(wanted: str | None) -> str:
    """The page that one wanted to see; the first one where that is none of ours. Pure."""
    return wanted if wanted is not None and _OWN_PAGE.fullmatch(wanted) else HOME
