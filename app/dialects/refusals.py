"""Refusals of a credential, and a request to wait for an address that is refused again and again."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from app.callers.bad_credentials import BadCredentials
from app.errors import FluxgateError, Unauthorized
from app.operations.client_address import client_address, networks_of
from app.settings import Settings


class RefusalRenderer:
    """Renders errors; of those that refuse a credential it counts where they come from.

    Who sends no credential at all is not counted: browsers come so before they sign in.
    """

    def __init__(self, settings: Settings, render: Callable[[Request, FluxgateError], Response]) -> None:
        self._bad_credentials = BadCredentials(settings.bad_credentials_per_minute)
        self._trusted = networks_of(settings.trusted_proxies)
        self._render = render

    def __call__(self, request: Request, error: FluxgateError) -> Response:
        """The answer to an error."""
        if isinstance(error, Unauthorized) and "authorization" in request.headers:
            error = self.counted(request, error)
        return self._render(request, error)

    def counted(self, request: Request, refusal: Unauthorized) -> FluxgateError:
        """The refusal of a credential, or a request to wait where there were too many."""
        peer = request.client.host if request.client is not None else ""
        address = client_address(peer, request.scope["headers"], self._trusted)
        return self._bad_credentials.answer_to(address, refusal)
