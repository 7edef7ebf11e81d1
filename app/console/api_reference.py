"""The API's reference as a page: drawn by the server, from the gateway's own OpenAPI document."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.api_words import operations_by_tag, shapes_in
from app.console.pages import page
from app.dialects.access import gateway_of, session_of

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def api_reference(request: Request) -> Response:
    """Every route with what it takes and gives; it tells nothing of anybody's, so anybody may read it."""
    document = request.app.openapi()
    public_url = gateway_of(request).public_url
    return page(
        request,
        "api_reference.html",
        await session_of(request),
        address=public_url,
        groups=operations_by_tag(document, public_url),
        shapes=shapes_in(document),
    )
