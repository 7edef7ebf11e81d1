"""What the pages of administration share."""

from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.admin.context import AdminContext
from app.console.pages import PAGE_HEADERS
from app.dialects.access import gateway_of

# Who a change was made by, in the audit trail.
ACTOR: Final = "console:admin key"


def admin_of(request: Request) -> AdminContext:
    """What administration works with; the route has asked for an admin's session."""
    return gateway_of(request).admin


def go_to(path: str) -> Response:
    """After something was done: to a page that can be loaded again without doing it twice."""
    return RedirectResponse(path, 303, dict(PAGE_HEADERS))
