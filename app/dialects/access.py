"""What every route needs first: the opened gateway, and who is calling."""

from starlette.requests import Request

from app.callers.caller import Caller
from app.callers.sessions import CSRF_HEADER, SAFE_METHODS, Session
from app.errors import Forbidden, Unauthorized
from app.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """What the lifespan opened."""
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 # the framework's state is untyped
    return gateway


async def require_caller(request: Request) -> Caller:
    """The caller behind this request's credential: a key, a browser token, or a sign-in on our own pages.

    Raises:
        Unauthorized: there is none that counts.
        Forbidden: a signed-in browser was made to send it by somebody else's page.
    """
    headers = request.headers
    credentials = headers.getlist("authorization")
    if not credentials and "cookie" in headers:
        session = await session_of(request)
        if session is not None:
            return _caller_signed_in(request, session)
    return await gateway_of(request).authenticator.require_caller(credentials, headers.getlist("origin"))


async def session_of(request: Request) -> Session | None:
    """Who is signed in in the browser that sent this.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    sessions = gateway_of(request).sessions
    return await sessions.find(request.cookies.get(sessions.cookie_name))


def _caller_signed_in(request: Request, session: Session) -> Caller:
    if session.caller is None:
        raise Unauthorized("The admin key belongs to no team; sign in with a team's key for this.")
    if request.method not in SAFE_METHODS:
        session.require_own_page(request.headers.get(CSRF_HEADER))
    return session.caller


async def require_key(request: Request) -> Caller:
    """The caller behind a key, for what a browser token may not do.

    Raises:
        Unauthorized: there is no credential that counts.
        Forbidden: it is a browser token, or the admin key.
    """
    if await gateway_of(request).admin_key.fits(request.headers.getlist("authorization")):
        raise Forbidden("The admin key belongs to no team; this takes a caller's key.")
    caller = await require_caller(request)
    if caller.token_id is not None:
        raise Forbidden("A browser token may not do this; it takes a key.")
    return caller


async def require_admin(request: Request) -> None:
    """Lets the admin key pass, and nobody else.

    Raises:
        Unauthorized: there is no credential that counts.
        Forbidden: it is a caller's key or a browser token.
    """
    if not await gateway_of(request).admin_key.fits(request.headers.getlist("authorization")):
        await require_caller(request)
        raise Forbidden("This takes the admin key; a caller's key opens the caller's own jobs alone.")
