"""`fluxgate teams`."""

import asyncio
from typing import Any

import click

from app.admin.change_team import change_team
from app.admin.create_team import create_team
from app.admin.find import require_team_called
from app.admin.limits import NewTeam, TeamAmendment
from app.admin.read_teams import list_teams
from app.admin.revoke_team import revoke_team
from app.cli.actor import command_line_actor
from app.cli.limits import limit_options, read_changes, read_options
from app.cli.names import check_name, check_optional_name, named
from app.cli.output import print_json, print_table
from app.cli.pages import every_page
from app.cli.policies import check_policy, policy_fields, policy_options
from app.cli.stores import admin_context, ready_stores

COLUMNS = (
    "id",
    "name",
    "created_at",
    "expires_at",
    "revoked_at",
    "budget_usd",
    "budget_period",
    "spent_usd",
    "reserved_usd",
    "in_flight",
    "privacy",
    "payload_days",
    "job_days",
    "image_days",
    "keeps_images",
)


@click.group()
def teams() -> None:
    """Teams share keys, jobs and a bill."""


@teams.command("create")
@click.argument("name", callback=check_name)
@limit_options
@policy_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def create(*, name: str, as_json: bool, **options: object) -> None:
    """Create the team NAME."""
    new = read_options(NewTeam, options, name=name, **policy_fields(options))
    check_policy(new)

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await create_team(admin, command_line_actor(), new)

    with ready_stores(redis=False) as settings:
        team = asyncio.run(run())
    if as_json:
        print_json(team)
    else:
        click.echo(f"Team {name} created.")


@teams.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_all(*, as_json: bool) -> None:
    """List all teams, revoked and expired ones included."""

    async def run() -> list[dict[str, Any]]:
        async with admin_context(settings) as admin:
            return await every_page(lambda cursor, limit: list_teams(admin, cursor=cursor, limit=limit))

    with ready_stores(redis=False) as settings:
        rows = asyncio.run(run())
    if as_json:
        print_json({"items": rows, "next_cursor": None})
    else:
        print_table(rows, COLUMNS)


@teams.command("change")
@click.argument("team", metavar="TEAM", callback=check_name)
@click.option("--name", callback=check_optional_name, help="Its new name.")
@limit_options
@policy_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def change(*, team: str, name: str | None, as_json: bool, **options: object) -> None:
    """Change the team of this name or id: only what is given; `none` takes a limit or days away."""
    amendment = read_changes(TeamAmendment, options, **named(name), **policy_fields(options))

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            found = await require_team_called(admin.database, team)
            return await change_team(admin, command_line_actor(), found["id"], amendment)

    with ready_stores(redis=False) as settings:
        changed = asyncio.run(run())
    if as_json:
        print_json(changed)
    else:
        click.echo(f"Team {changed['name']} changed.")


@teams.command("revoke")
@click.argument("team", metavar="TEAM", callback=check_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def revoke(*, team: str, as_json: bool) -> None:
    """Revoke the team of this name or id; none of its keys lets anybody in for longer than five seconds."""

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            found = await require_team_called(admin.database, team)
            return await revoke_team(admin, command_line_actor(), found["id"])

    with ready_stores(redis=False) as settings:
        revoked = asyncio.run(run())
    if as_json:
        print_json(revoked)
    else:
        click.echo(f"Team {revoked['name']} is revoked.")
