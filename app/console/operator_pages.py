"""What the pages of administration share."""

from typing import Final

from starlette.requests import Request

from app.admin.context import AdminContext
from app.dialects.access import gateway_of

# Who a change was made by, in the audit trail.
ACTOR: Final = "console:admin key"


def admin_of(request: Request) -> AdminContext:
    """What administration works with; the route has asked for an admin's session."""
    return gateway_of(request).admin
