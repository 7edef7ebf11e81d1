"""What the routes of administration need first: the admin key, a body, an id, a page."""

from typing import Final, TypeVar
from uuid import UUID

import orjson
from starlette.requests import Request
from starlette.responses import Response

from app.admin.context import AdminContext
from app.admin.find import id_in
from app.admin.limits import Asked, read_as
from app.dialects.access import gateway_of, require_admin
from app.dialects.body import read_object
from app.dialects.error_responses import JSON_TYPE
from app.dialects.query import Query
from app.errors import NotFound

# Who a change was made by, in the audit trail.
ACTOR: Final = "admin key"

BODY_LIMIT_BYTES: Final = 65_536
PAGE_LIMIT: Final = 100
DEFAULT_PAGE: Final = 50

Shape = TypeVar("Shape", bound=Asked)


async def admin_of(request: Request) -> AdminContext:
    """What administration works with, for whoever holds the admin key.

    Raises:
        Unauthorized: there is no credential that counts.
        Forbidden: it is not the admin key.
    """
    await require_admin(request)
    return gateway_of(request).admin


async def asked(request: Request, shape: type[Shape]) -> Shape:
    """The body as what it asks for.

    Raises:
        InvalidInput: a field is wrong or unknown.
    """
    return read_as(shape, await read_object(request, limit_bytes=BODY_LIMIT_BYTES))


def path_id(request: Request) -> UUID:
    """The id in the path.

    Raises:
        NotFound: it is none, so there is nothing of this id.
    """
    found = id_in(request.path_params["id"])
    if found is None:
        raise NotFound("There is nothing of this id.")
    return found


def page_query(request: Request, *names: str) -> tuple[Query, str | None, int]:
    """The query of a listing, its cursor, and how many items a page has; `names` are its filters.

    Raises:
        InvalidInput: a parameter is wrong or unknown.
    """
    query = Query(request, ("cursor", "limit", *names))
    limit = query.count("limit", most=PAGE_LIMIT, default=DEFAULT_PAGE)
    query.check()
    return query, query.text("cursor"), limit


def answer(document: object, status_code: int = 200) -> Response:
    """A document for the operator's eyes; it may hold a new key, so nobody stores it."""
    body = orjson.dumps(document, default=str, option=orjson.OPT_UTC_Z)
    return Response(body, status_code, {"cache-control": "no-store"}, JSON_TYPE)
