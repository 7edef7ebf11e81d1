"""`fluxgate keys`."""

import asyncio
from typing import Any
from uuid import UUID

import click

from app.admin.change_key import change_key
from app.admin.create_key import create_key
from app.admin.limits import Amendment, NewKey, Rotation
from app.admin.read_keys import list_keys
from app.admin.revoke_key import revoke_key
from app.admin.rotate_key import rotate_key
from app.cli.actor import command_line_actor
from app.cli.limits import limit_options, read_changes, read_options
from app.cli.names import check_grace, check_name, check_optional_name, named
from app.cli.output import print_json, print_table
from app.cli.pages import every_page
from app.cli.stores import admin_context, ready_stores

COLUMNS = ("id", "team", "name", "hint", "created_at", "expires_at", "revoked_at")


@click.group()
def keys() -> None:
    """Keys let a team's programs in."""


@keys.command("create")
@click.option("--team", required=True, callback=check_name, help="Name of the team.")
@click.option("--name", required=True, callback=check_name, help="What the key is for.")
@limit_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def create(*, team: str, name: str, as_json: bool, **options: object) -> None:
    """Create a key; it is shown this once and never again."""
    new = read_options(NewKey, options, team=team, name=name)

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await create_key(admin, command_line_actor(), new)

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(key["key"])


@keys.command("list")
@click.option("--team", callback=check_optional_name, help="Only the keys of the team of this name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_all(*, team: str | None, as_json: bool) -> None:
    """List keys, revoked and expired ones included."""

    async def run() -> list[dict[str, Any]]:
        async with admin_context(settings) as admin:
            return await every_page(
                lambda cursor, limit: list_keys(admin, team=team, cursor=cursor, limit=limit)
            )

    with ready_stores(redis=False) as settings:
        rows = asyncio.run(run())
    if as_json:
        print_json({"items": rows, "next_cursor": None})
    else:
        print_table(rows, COLUMNS)


@keys.command("change")
@click.argument("key_id", metavar="ID", type=click.UUID)
@click.option("--name", callback=check_optional_name, help="What the key is for.")
@limit_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def change(*, key_id: UUID, name: str | None, as_json: bool, **options: object) -> None:
    """Change the key ID: only what is given; `none` takes a limit away."""
    amendment = read_changes(Amendment, options, **named(name))

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await change_key(admin, command_line_actor(), key_id, amendment)

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(f"Key {key_id} changed.")


@keys.command("rotate")
@click.argument("key_id", metavar="ID", type=click.UUID)
@click.option(
    "--grace",
    "grace_seconds",
    default="24h",
    metavar="DURATION",
    callback=check_grace,
    help="How long the secret before counts as well, like 24h, up to 30d; `none` ends it at once.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def rotate(*, key_id: UUID, grace_seconds: int, as_json: bool) -> None:
    """Give the key ID another secret; it is shown this once and never again."""
    rotation = Rotation(grace_seconds=grace_seconds)

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await rotate_key(admin, command_line_actor(), key_id, rotation)

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(key["key"])


@keys.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def revoke(*, key_id: UUID, as_json: bool) -> None:
    """Revoke the key ID; no process lets it in for longer than five more seconds."""

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await revoke_key(admin, command_line_actor(), key_id)

    with ready_stores(redis=False) as settings:
        key = asyncio.run(run())
    if as_json:
        print_json(key)
    else:
        click.echo(f"Key {key_id} is revoked.")
