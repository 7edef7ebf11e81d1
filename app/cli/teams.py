"""`fluxgate teams`."""

import asyncio

import click
from uuid_utils.compat import uuid7

from app.cli.names import check_name
from app.cli.output import print_json
from app.cli.stores import caller_repository, ready_stores
from app.errors import StartupError


@click.group()
def teams() -> None:
    """Teams share keys, jobs and a bill."""


@teams.command("create")
@click.argument("name", callback=check_name)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def create(*, name: str, as_json: bool) -> None:
    """Create the team NAME."""

    async def run() -> dict[str, object]:
        async with caller_repository(settings) as (repository, _):
            row = await repository.add_team(uuid7(), name)
            if row is None:
                raise StartupError(f"there is a team {name!r} already")
            return dict(row)

    with ready_stores(redis=False) as settings:
        team = asyncio.run(run())
    if as_json:
        print_json(team)
    else:
        click.echo(f"Team {name} created.")
