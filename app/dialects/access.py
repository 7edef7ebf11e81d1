"""What every route needs first: the opened gateway, and who is calling."""

from starlette.requests import Request

from app.callers.caller import Caller
from app.errors import Forbidden
from app.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """What the lifespan opened."""
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 # the framework's state is untyped
    return gateway


async def require_caller(request: Request) -> Caller:
    """The caller behind this request's credential: a key or a browser token.

    Raises:
        Unauthorized: there is none that counts.
    """
    headers = request.headers
    return await gateway_of(request).authenticator.require_caller(
        headers.getlist("authorization"), headers.getlist("origin")
    )


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
