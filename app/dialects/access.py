"""What every route needs first: the opened gateway, and who is calling."""

from starlette.requests import Request

from app.callers.caller import Caller
from app.gateway import Gateway


def gateway_of(request: Request) -> Gateway:
    """What the lifespan opened."""
    gateway = request.app.state.gateway
    assert isinstance(gateway, Gateway)  # noqa: S101 # the framework's state is untyped
    return gateway


async def require_caller(request: Request) -> Caller:
    """The caller behind this request's credential.

    Raises:
        Unauthorized: there is none that counts.
    """
    credentials = request.headers.getlist("authorization")
    return await gateway_of(request).authenticator.require_caller(credentials)
