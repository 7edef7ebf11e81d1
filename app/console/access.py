"""What every page needs first: who is signed in, and the form that was sent."""

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.audit.job_filters import Sight
from app.callers.caller import Caller
from app.callers.sessions import Session
from app.dialects.access import gateway_of, session_of
from app.dialects.body import read_body
from app.errors import BadRequest, Forbidden, Unauthorized, UnsupportedMediaType

FORM_TYPE: Final = "application/x-www-form-urlencoded"
FORM_LIMIT_BYTES: Final = 65_536
FIELDS_AT_MOST: Final = 200
CSRF_FIELD: Final = "csrf"


async def require_session(request: Request) -> Session:
    """Who is signed in.

    Raises:
        Unauthorized: nobody is; the pages answer that with the sign-in form.
    """
    session = await session_of(request)
    if session is None:
        raise Unauthorized("Sign in first.")
    return session


async def require_admin_session(request: Request) -> Session:
    """The admin who is signed in.

    Raises:
        Unauthorized: nobody is.
        Forbidden: somebody is with a team's key.
    """
    session = await require_session(request)
    if not session.is_admin:
        raise Forbidden("This page is for the admin key; you are signed in with a team's key.")
    return session


async def require_team_session(request: Request) -> tuple[Session, Caller]:
    """Whoever is signed in with a team's key.

    Raises:
        Unauthorized: nobody is.
        Forbidden: somebody is with the admin key, which belongs to no team.
    """
    session = await require_session(request)
    if session.caller is None:
        raise Forbidden("The admin key belongs to no team; sign in with a team's key for this.")
    return session, session.caller


def sight_of(session: Session) -> Sight:
    """Which jobs the signed-in may see: the admin all, a key those of its team."""
    return Sight() if session.caller is None else Sight.of(session.caller)


async def read_form(request: Request, session: Session | None) -> dict[str, list[str]]:
    """The fields of a form that our own page has sent, each with all its values; blank ones are left out.

    Without a session, as at the sign-in, only the browser's word on where it comes from is asked for.

    Raises:
        Forbidden: another page sent it.
        UnsupportedMediaType, PayloadTooLarge, BadRequest: it is not a form of ours.
    """
    _require_same_site(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM_TYPE:
        raise UnsupportedMediaType(f"Forms are sent as `{FORM_TYPE}`.")
    body = await read_body(request, limit_bytes=FORM_LIMIT_BYTES)
    try:
        pairs = parse_qsl(body.decode(), max_num_fields=FIELDS_AT_MOST, errors="strict")
    except ValueError as error:
        raise BadRequest("This form cannot be read.") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    token = fields.pop(CSRF_FIELD, [None])[0]
    if session is not None:
        session.require_own_page(token)
    return fields


def _require_same_site(request: Request) -> None:
    """Browsers say which page a form comes from: in one way over TLS, in an older one to any address."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_own = site in ("same-origin", "none")
    if site is None:
        host = request.headers.get("host", "")
        own = (f"http://{host}", f"https://{host}", gateway_of(request).public_url)
        is_own = origin is None or origin in own
    if not is_own:
        raise Forbidden("This form was sent by a page of another address.")
