"""The API's reference as a page: drawn by the server, from the gateway's own OpenAPI document."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.api_words import operations_by_tag, shapes_in
from app.console.pages import Pages, page
from app.dialects.access import gateway_of, session_of

router = APIRouter(include_in_schema=False)


class ApiReference:
    """What the page is for everybody, drawn when somebody first asks; held by the application for its life.

    It takes some tens of milliseconds, and anybody may ask.
    """

    def __init__(self, pages: Pages, document: Callable[[], Mapping[str, Any]]) -> None:
        self._pages = pages
        self._document = document
        self._drawn: dict[str, str] = {}

    def drawn(self, public_url: str) -> str:
        """Markup, of nothing that anybody but us has written; a process has one address."""
        if public_url not in self._drawn:
            document = self._document()
            self._drawn[public_url] = self._pages.draw(
                "api_reference_content.html",
                address=public_url,
                groups=operations_by_tag(document, public_url),
                shapes=shapes_in(document),
            )
        return self._drawn[public_url]


@router.get("/docs")
async def api_reference(request: Request) -> Response:
    """Every route with what it takes and gives; it tells nothing of anybody's, so anybody may read it."""
    reference: ApiReference = request.app.state.reference
    content = reference.drawn(gateway_of(request).public_url)
    return page(request, "api_reference.html", await session_of(request), content=content)
