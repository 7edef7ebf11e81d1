"""What people see when a page cannot be shown: the same words as programs get, in a page."""

from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from app.callers.sessions import SAFE_METHODS
from app.console.pages import HTML, PAGE_HEADERS, Pages, go_to
from app.console.sign_in import SIGN_IN_PATH
from app.dialects.error_responses import render_error as render_for_programs
from app.errors import FluxgateError, InvalidInput

PAGES: Final = ("/console", "/playground")

_TITLES: Final = MappingProxyType({status.value: status.phrase for status in HTTPStatus})


def error_renderer(pages: Pages) -> Callable[[Request, FluxgateError], Response]:
    """Answers errors with a page where one was asked for, else with what the route's callers understand."""

    def render_error(request: Request, error: FluxgateError) -> Response:
        if not request.scope["path"].startswith(PAGES):
            return render_for_programs(request, error)
        if error.status == HTTPStatus.UNAUTHORIZED and request.method in SAFE_METHODS:
            return _to_sign_in(request)
        return _error_page(pages, request, error)

    return render_error


def _to_sign_in(request: Request) -> Response:
    """And from there back to where one wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return go_to(f"{SIGN_IN_PATH}?next={quote(wanted)}")


def _error_page(pages: Pages, request: Request, error: FluxgateError) -> Response:
    problems = error.problems if isinstance(error, InvalidInput) else []
    text = pages.draw(
        "error.html",
        session=None,
        here=request.url.path,
        title=_TITLES.get(error.status, "This did not work"),
        detail=error.detail,
        problems=problems,
    )
    headers = {**PAGE_HEADERS, **error.headers}
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(error.retry_after_seconds)
    return Response(text, error.status, headers, HTML)
