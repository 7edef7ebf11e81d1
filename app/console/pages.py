"""Drawing pages: templates, the headers of every page, and where its files are."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.callers.sessions import Session
from app.console import overview_words, words

HERE: Final = Path(__file__).parent
STATIC_PATH: Final = "/console/static"
HTML: Final = "text/html; charset=utf-8"
VERSION_CHARACTERS: Final = 12

# Everything comes from here, pictures as well: the reader's browser asks nobody else for anything.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cache-control": "no-store",
        "content-security-policy": POLICY,
        "cross-origin-opener-policy": "same-origin",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
)


class Pages:
    """The templates, read once; held by the application for its life."""

    def __init__(self) -> None:
        self._versions = {
            file.name: sha256(file.read_bytes()).hexdigest()[:VERSION_CHARACTERS]
            for file in sorted((HERE / "static").iterdir())
        }
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update({**words.FILTERS, **overview_words.FILTERS})
        self._templates.globals["static"] = self.address_of

    def address_of(self, name: str) -> str:
        """Where a file of ours is; another content has another address, so it may be kept for ever."""
        return f"{STATIC_PATH}/{name}?v={self._versions[name]}"

    def draw(self, template: str, **values: object) -> str:
        """The text of a page, or of a part of one; every value is text, and never markup."""
        return self._templates.get_template(template).render(**values)


class StaticPages(StaticFiles):
    """Our scripts, styles and signs; with their version in the address they never change."""

    def __init__(self) -> None:
        super().__init__(directory=HERE / "static")

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with how long it may be kept."""
        response = await super().get_response(path, scope)
        is_versioned = b"v=" in scope["query_string"]
        kept = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
        response.headers["cache-control"] = kept
        response.headers["x-content-type-options"] = "nosniff"
        return response


def page(
    request: Request, template: str, session: Session | None, status_code: int = 200, **values: object
) -> Response:
    """A whole page for whoever is signed in; `values` are what its template shows."""
    pages: Pages = request.app.state.pages
    text = pages.draw(template, session=session, here=request.url.path, **values)
    return Response(text, status_code, dict(PAGE_HEADERS), HTML)


def fragment(request: Request, template: str, **values: object) -> Response:
    """A part of a page, which a script of ours puts in its place."""
    pages: Pages = request.app.state.pages
    return Response(pages.draw(template, **values), headers=dict(PAGE_HEADERS), media_type=HTML)


def go_to(path: str) -> Response:
    """To another page of ours, which can be loaded again without doing anything twice."""
    return RedirectResponse(path, 303, dict(PAGE_HEADERS))
