"""The pages of keys: all of them, or a team's; a new one; and one, to change, rotate or revoke it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from uuid_utils.compat import uuid7

from app.admin.change_key import change_key
from app.admin.create_key import create_key
from app.admin.find import id_in
from app.admin.limits import Amendment, NewKey, Rotation, read_as
from app.admin.read_keys import find_key, list_keys
from app.admin.revoke_key import revoke_key
from app.admin.rotate_key import rotate_key
from app.callers.sessions import Session
from app.console.access import read_form, require_admin_session
from app.console.account_forms import (
    DRAWN,
    LIMIT_FIELDS,
    NEW,
    NEW_KEY_FIELDS,
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
from app.errors import BadRequest, Conflict, InvalidInput, NotFound

SAID: Final[Mapping[str, str]] = MappingProxyType(
    {
        "changed": "Saved.",
        "revoked": "The key is revoked: within five seconds it lets nobody in.",
    }
)
# What can be chosen of the time for which a replaced secret still counts.
GRACES: Final = (
    ("86400", "24 hours"),
    ("3600", "1 hour"),
    ("604800", "7 days"),
    ("2592000", "30 days"),
    ("0", "none: it ends at once"),
)
# The form of a new key brings the id that the key will have, so that sent twice it makes one.
ONCE: Final = "once"

router = APIRouter(include_in_schema=False)


@router.get("/console/keys")
async def keys(request: Request) -> Response:
    """Keys of all teams or of one, oldest first, with what is used of their limits."""
    session = await require_admin_session(request)
    query, cursor, limit = page_query(request, "team")
    team = query.text("team")
    try:
        found, fault = await list_keys(admin_of(request), team=team, cursor=cursor, limit=limit), None
    except NotFound as error:
        found, fault = {"items": [], "next_cursor": None}, error.detail
    now, status_code = datetime.now(UTC), 404 if fault else 200
    items = [with_standing(key, now) for key in found["items"]]
    values = {"keys": items, "team": team or "", "fault": fault, "next_cursor": found["next_cursor"]}
    return page(request, "keys.html", session, status_code, **values)


@router.get("/console/keys/new")
async def new_key(request: Request) -> Response:
    """The form of a new key."""
    session = await require_admin_session(request)
    form = Form({**NEW, "team": request.query_params.get("team", "")})
    return page(request, "key_new.html", session, form=form, once=str(uuid7()))


@router.post("/console/keys/new")
async def make_key(request: Request) -> Response:
    """Makes a key and shows its secret, on this answer alone; what is wrong stands beside its field."""
    session = await require_admin_session(request)
    fields = await read_form(request, session)
    typed, once = typed_in(fields, NEW_KEY_FIELDS), _once(fields)
    try:
        asked = read_as(NewKey, asked_for(typed))
        made = await create_key(admin_of(request), ACTOR, asked, key_id=once)
    except InvalidInput as error:
        form = typed_again(typed, error.problems)
        return page(request, "key_new.html", session, 422, form=form, once=str(once))
    except (Conflict, NotFound) as error:
        if await _is_made(request, once):
            return page(request, "key_secret.html", session, error.status, secret=None, key={"id": once})
        form = Form(typed, {"team": error.detail})
        return page(request, "key_new.html", session, error.status, form=form, once=str(once))
    return _secret(request, session, made)


@router.get("/console/keys/{id}")
async def key(request: Request) -> Response:
    """One key."""
    session = await require_admin_session(request)
    return await _page(request, session)


@router.post("/console/keys/{id}")
async def alter_key(request: Request) -> Response:
    """Changes what is typed anew, and nothing else."""
    session = await require_admin_session(request)
    fields, key_id = await read_form(request, session), path_id(request)
    typed, drawn = typed_in(fields, LIMIT_FIELDS), fields.get(DRAWN, ["{}"])[0]
    try:
        amendment = read_as(Amendment, asked_for(changed(typed, drawn)))
        await change_key(admin_of(request), ACTOR, key_id, amendment)
    except InvalidInput as error:
        return await _page(request, session, typed_again(typed, error.problems, drawn), 422)
    return go_to(f"/console/keys/{key_id}?said=changed")


@router.post("/console/keys/{id}/rotate")
async def give_another_secret(request: Request) -> Response:
    """Replaces the secret and shows the new one, on this answer alone."""
    session = await require_admin_session(request)
    typed = typed_in(await read_form(request, session), ("grace_seconds", "hint"))
    try:
        rotation = read_as(Rotation, asked_for(typed))
        rotated = await rotate_key(admin_of(request), ACTOR, path_id(request), rotation)
    except (Conflict, InvalidInput) as error:
        return await _page(request, session, status_code=error.status, fault=error.detail)
    return _secret(request, session, rotated)


@router.post("/console/keys/{id}/revoke")
async def end_key(request: Request) -> Response:
    """Revokes the key for good."""
    session = await require_admin_session(request)
    await read_form(request, session)
    key_id = path_id(request)
    await revoke_key(admin_of(request), ACTOR, key_id)
    return go_to(f"/console/keys/{key_id}?said=revoked")


def _once(fields: Mapping[str, list[str]]) -> UUID:
    """The id that the key will have.

    Raises:
        BadRequest: the form does not bring one of ours.
    """
    found = id_in(fields.get(ONCE, [""])[0])
    if found is None or found.version != 7:
        raise BadRequest("This form is not complete: load the page anew, and try again.")
    return found


async def _is_made(request: Request, key_id: UUID) -> bool:
    """Whether this form was sent before; its answer had the secret, and nothing has it now."""
    try:
        await find_key(admin_of(request), key_id)
    except NotFound:
        return False
    return True


def _secret(request: Request, session: Session, made: Mapping[str, Any]) -> Response:
    shown = {name: value for name, value in made.items() if name != "key"}
    return page(request, "key_secret.html", session, secret=made["key"], key=shown)


async def _page(
    request: Request,
    session: Session,
    form: Form | None = None,
    status_code: int = 200,
    fault: str | None = None,
) -> Response:
    found = await find_key(admin_of(request), path_id(request))
    return page(
        request,
        "key.html",
        session,
        status_code,
        key=with_standing(found, datetime.now(UTC)),
        form=form or form_of(found, LIMIT_FIELDS),
        graces=GRACES,
        fault=fault,
        said=SAID.get(request.query_params.get("said", "")),
    )
