"""Teams and keys, for the admin key alone."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.admin.change_key import change_key
from app.admin.change_team import change_team
from app.admin.create_key import create_key
from app.admin.create_team import create_team
from app.admin.limits import Amendment, NewKey, NewTeam, Rotation, TeamAmendment
from app.admin.read_keys import find_key, list_keys
from app.admin.read_teams import find_team, list_teams
from app.admin.revoke_key import revoke_key
from app.admin.revoke_team import revoke_team
from app.admin.rotate_key import rotate_key
from app.dialects.admin_access import ACTOR, admin_of, answer, asked, page_query, path_id

router = APIRouter(prefix="/api/admin", tags=["admin"])


@router.get("/teams")
async def many_teams(request: Request) -> Response:
    """Teams, oldest first, with their limits and what is used of them."""
    admin = await admin_of(request)
    _, cursor, limit = page_query(request)
    return answer(await list_teams(admin, cursor=cursor, limit=limit))


@router.post("/teams", status_code=201)
async def new_team(request: Request) -> Response:
    """A new team."""
    admin = await admin_of(request)
    return answer(await create_team(admin, ACTOR, await asked(request, NewTeam)), 201)


@router.get("/teams/{id}")
async def one_team(request: Request) -> Response:
    """One team, with its limits and what is used of them."""
    admin = await admin_of(request)
    return answer(await find_team(admin, path_id(request)))


@router.patch("/teams/{id}")
async def other_team(request: Request) -> Response:
    """Changes what the body names; null takes a limit away."""
    admin = await admin_of(request)
    return answer(await change_team(admin, ACTOR, path_id(request), await asked(request, TeamAmendment)))


@router.delete("/teams/{id}")
async def no_team(request: Request) -> Response:
    """Revokes a team: within five seconds none of its keys lets anybody in."""
    admin = await admin_of(request)
    return answer(await revoke_team(admin, ACTOR, path_id(request)))


@router.get("/keys")
async def many_keys(request: Request) -> Response:
    """Keys, oldest first, of all teams or of one, with their limits and what is used of them."""
    admin = await admin_of(request)
    query, cursor, limit = page_query(request, "team")
    return answer(await list_keys(admin, team=query.text("team"), cursor=cursor, limit=limit))


@router.post("/keys", status_code=201)
async def new_key(request: Request) -> Response:
    """A new key; `key` in the answer is shown this once."""
    admin = await admin_of(request)
    return answer(await create_key(admin, ACTOR, await asked(request, NewKey)), 201)


@router.get("/keys/{id}")
async def one_key(request: Request) -> Response:
    """One key, with its limits and what is used of them."""
    admin = await admin_of(request)
    return answer(await find_key(admin, path_id(request)))


@router.patch("/keys/{id}")
async def other_key(request: Request) -> Response:
    """Changes what the body names; null takes a limit away."""
    admin = await admin_of(request)
    return answer(await change_key(admin, ACTOR, path_id(request), await asked(request, Amendment)))


@router.delete("/keys/{id}")
async def no_key(request: Request) -> Response:
    """Revokes a key: within five seconds it lets nobody in."""
    admin = await admin_of(request)
    return answer(await revoke_key(admin, ACTOR, path_id(request)))


@router.post("/keys/{id}/rotate")
async def rotated_key(request: Request) -> Response:
    """Another secret for a key, shown this once in `key`; the one before lasts for the grace."""
    admin = await admin_of(request)
    return answer(await rotate_key(admin, ACTOR, path_id(request), await asked(request, Rotation)))
