"""The first page: how things stand, live, and how the last thirty days were."""

from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.callers.sessions import Session
from app.console.access import require_session
from app.console.board import Board, Present
from app.console.month_charts import MonthCharts, charts_of
from app.console.pages import fragment, page
from app.dialects.access import gateway_of
from app.dialects.query import Query

OF_ALL: Final = ("team", "model")
OF_TEAM: Final = ("key", "model")

router = APIRouter(include_in_schema=False)


@router.get("/console")
async def overview(request: Request) -> Response:
    """How things stand, for whoever is signed in."""
    session = await require_session(request)
    dimension = _dimension(request, session)
    return page(
        request,
        "overview.html",
        session,
        dimension=dimension,
        dimensions=_dimensions(session),
        present=await _present(request, session),
        month=await _month(request, session, dimension),
    )


@router.get("/console/overview/now")
async def overview_now(request: Request) -> Response:
    """The part that changes from one moment to the next."""
    session = await require_session(request)
    return fragment(request, "overview_now.html", session=session, present=await _present(request, session))


@router.get("/console/overview/month")
async def overview_month(request: Request) -> Response:
    """The part that changes slowly."""
    session = await require_session(request)
    dimension = _dimension(request, session)
    month = await _month(request, session, dimension)
    return fragment(request, "overview_month.html", session=session, dimension=dimension, month=month)


async def _present(request: Request, session: Session) -> Present:
    board: Board = request.app.state.board
    return await board.present(gateway_of(request), session)


async def _month(request: Request, session: Session, dimension: str) -> MonthCharts:
    board: Board = request.app.state.board
    return charts_of(await board.month(gateway_of(request), session, dimension))


def _dimension(request: Request, session: Session) -> str:
    """By what the charts tell the days apart.

    Raises:
        InvalidInput: they do not do that.
    """
    query = Query(request, ("by",))
    chosen = query.one_of("by", _dimensions(session))
    query.check()
    return chosen or _dimensions(session)[0]


def _dimensions(session: Session) -> tuple[str, ...]:
    return OF_ALL if session.is_admin else OF_TEAM
