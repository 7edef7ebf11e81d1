"""`fluxgate keys`."""

import asyncio
from typing import Any
from uuid import UUID

import click
from uuid_utils.compat import uuid7

from app.callers.key_material import digest_of, hint_of, new_key
from app.callers.repository import CallerRepository
from app.cli.names import check_duration, check_name
from app.cli.output import print_json, print_table
from app.cli.stores import caller_repository, ready_stores
from app.errors import StartupError

COLUMNS = ("id", "team", "name", "hint", "created_at", "expires_at", "revoked_at")


@click.group()
def keys() -> None:
    """Keys let a team's programs in."""


@keys.command("create")
@click.option("--team", required=True, callback=check_name, help="Name of the team.")
@click.option("--name", required=True, callback=check_name, help="What the key is for.")
@click.option("--expires-in", callback=check_duration, help="A duration like 30d, 12h, 90m or 45s.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def create(*, team: str, name: str, expires_in: float | None, as_json: bool) -> None:
    """Create a key; it is shown this once and never again."""

    async def run() -> dict[str, Any]:
        async with caller_repository(settings) as (repository, pepper):
            return await make_key(repository, pepper, team=team, name=name, lifetime_seconds=expires_in)

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(key["key"])


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_keys(*, as_json: bool) -> None:
    """List all keys, revoked and expired ones included."""

    async def run() -> list[dict[str, Any]]:
        async with caller_repository(settings) as (repository, _):
            return [dict(row) for row in await repository.list_keys()]

    with ready_stores(redis=False) as settings:
        rows = asyncio.run(run())
    if as_json:
        print_json({"items": rows, "next_cursor": None})
    else:
        print_table(rows, COLUMNS)


@keys.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def revoke(*, key_id: UUID, as_json: bool) -> None:
    """Revoke the key ID; no process lets it in for longer than five more seconds."""

    async def run() -> dict[str, Any]:
        async with caller_repository(settings) as (repository, _):
            revoked_at = await repository.revoke_key(key_id)
            if revoked_at is None:
                raise StartupError(f"there is no key {key_id}")
            return {"id": key_id, "revoked_at": revoked_at}

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(f"Key {key_id} is revoked.")


async def make_key(
    repository: CallerRepository, pepper: bytes, *, team: str, name: str, lifetime_seconds: float | None
) -> dict[str, Any]:
    """Makes a key for a team and returns it with its secret, which is stored nowhere.

    Raises:
        StartupError: there is no such team.
    """
    secret = new_key()
    row = await repository.add_key(
        key_id=uuid7(),
        team=team,
        name=name,
        digest=digest_of(secret, pepper),
        hint=hint_of(secret),
        lifetime_seconds=lifetime_seconds,
    )
    if row is None:
        raise StartupError(f"there is no team {team!r}; `fluxgate teams create {team}` makes one")
    return {**row, "team": team, "key": secret}
