"""The pages of teams: all of them, a new one, and one with its keys, its limits and its policy."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.change_team import change_team
from app.admin.create_team import create_team
from app.admin.limits import NewTeam, TeamAmendment, read_as
from app.admin.read_keys import list_keys
from app.admin.read_teams import find_team, list_teams
from app.admin.revoke_team import revoke_team
from app.callers.sessions import Session
from app.console.access import read_form, require_admin_session
from app.console.account_forms import (
    DRAWN,
    NEW,
    TEAM_FIELDS,
    Form,
    asked_for,
    changed,
    form_of,
    typed_again,
    typed_in,
)
from app.console.account_words import with_standing
from app.console.operator_pages import ACTOR, admin_of
from app.console.pages import go_to, page
from app.dialects.admin_access import page_query, path_id
from app.errors import Conflict, InvalidInput

SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "made": "The team is made. Its programs need a key.",
        "changed": "Saved.",
        "revoked": "The team is revoked: within five seconds none of its keys lets anybody in.",
    }
)
KEYS_SHOWN: Final = 20

router = APIRouter(include_in_schema=False)


@router.get("/console/teams")
async def teams(request: Request) -> Response:
    """All teams, oldest first, with what is used of their limits."""
    session = await require_admin_session(request)
    _, cursor, limit = page_query(request)
    found = await list_teams(admin_of(request), cursor=cursor, limit=limit)
    now = datetime.now(UTC)
    items = [with_standing(team, now) for team in found["items"]]
    return page(request, "teams.html", session, teams=items, next_cursor=found["next_cursor"])


@router.get("/console/teams/new")
async def new_team(request: Request) -> Response:
    """The form of a new team."""
    session = await require_admin_session(request)
    return page(request, "team_new.html", session, form=Form(NEW))


@router.post("/console/teams/new")
async def make_team(request: Request) -> Response:
    """Makes a team, and goes to its page; what is wrong stands beside its field."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), TEAM_FIELDS)
    try:
        made = await create_team(admin_of(request), ACTOR, read_as(NewTeam, asked_for(typed)))
    except InvalidInput as error:
        return page(request, "team_new.html", session, 422, form=typed_again(typed, error.problems))
    except Conflict as error:
        form = Form(typed, {"name": error.detail})
        return page(request, "team_new.html", session, error.status, form=form)
    return go_to(f"/console/teams/{made['id']}?said=made")


@router.get("/console/teams/{id}")
async def team(request: Request) -> Response:
    """One team."""
    session = await require_admin_session(request)
    return await _page(request, session)


@router.post("/console/teams/{id}")
async def alter_team(request: Request) -> Response:
    """Changes what is typed anew, and nothing else."""
    session = await require_admin_session(request)
    fields, team_id = await read_form(request, session), path_id(request)
    typed, drawn = typed_in(fields, TEAM_FIELDS), fields.get(DRAWN, ["{}"])[0]
    try:
        amendment = read_as(TeamAmendment, asked_for(changed(typed, drawn)))
        await change_team(admin_of(request), ACTOR, team_id, amendment)
    except InvalidInput as error:
        return await _page(request, session, typed_again(typed, error.problems, drawn), 422)
    except Conflict as error:
        return await _page(request, session, Form(typed, {"name": error.detail}, drawn), error.status)
    return go_to(f"/console/teams/{team_id}?said=changed")


@router.post("/console/teams/{id}/revoke")
async def end_team(request: Request) -> Response:
    """Revokes the team for good."""
    session = await require_admin_session(request)
    await read_form(request, session)
    team_id = path_id(request)
    await revoke_team(admin_of(request), ACTOR, team_id)
    return go_to(f"/console/teams/{team_id}?said=revoked")


async def _page(
    request: Request, session: Session, form: Form | None = None, status_code: int = 200
) -> Response:
    admin, now = admin_of(request), datetime.now(UTC)
    found = await find_team(admin, path_id(request))
    keys = await list_keys(admin, team=str(found["id"]), cursor=None, limit=KEYS_SHOWN)
    return page(
        request,
        "team.html",
        session,
        status_code,
        team=with_standing(found, now),
        keys=[with_standing(key, now) for key in keys["items"]],
        has_more_keys=keys["next_cursor"] is not None,
        form=form or form_of(found, TEAM_FIELDS),
        said=SAID.get(request.query_params.get("said", "")),
    )
