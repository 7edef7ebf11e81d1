"""The first page: how things stand."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.console.access import require_session
from app.console.pages import page

router = APIRouter(include_in_schema=False)


@router.get("/console")
async def overview(request: Request) -> Response:
    """How things stand, for whoever is signed in."""
    session = await require_session(request)
    return page(request, "overview.html", session)
