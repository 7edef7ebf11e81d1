"""`fluxgate audit`."""

import asyncio
import sys
from typing import Any

import click

from app.admin.read_trail import list_trail, verify_trail
from app.audit.chain import Head
from app.cli.output import print_json, print_table
from app.cli.pages import every_page
from app.cli.stores import admin_context, ready_stores

COLUMNS = ("id", "at", "actor", "action", "subject_id")


@click.group()
def audit() -> None:
    """The trail of all changes of teams, keys, limits and prices."""


@audit.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_newest(*, limit: int, as_json: bool) -> None:
    """List the newest changes."""

    async def run() -> list[dict[str, Any]]:
        async with admin_context(settings) as admin:
            return await every_page(
                lambda cursor, size: list_trail(admin, cursor=cursor, limit=size), at_most=limit
            )

    with ready_stores(redis=False) as settings:
        rows = asyncio.run(run())
    if as_json:
        print_json({"items": rows, "next_cursor": None})
    else:
        print_table(rows, COLUMNS)


def check_head(_context: click.Context, _parameter: click.Parameter, value: str | None) -> Head | None:
    """A head that was noted earlier."""
    try:
        return None if value is None else Head.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@audit.command("verify")
@click.option("--noted", metavar="HEAD", callback=check_head, help="A head that this command told earlier.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(*, noted: Head | None, as_json: bool) -> None:
    """Check that the trail is whole; exits with 1 and a line for each problem when it is not."""

    async def run() -> dict[str, Any]:
        async with admin_context(settings) as admin:
            return await verify_trail(admin, noted)

    with ready_stores(redis=False) as settings:
        found = asyncio.run(run())
    if as_json:
        print_json(found)
    elif found["is_whole"]:
        click.echo(f"The trail is whole; rows: {found['rows']}; head: {found['head']}")
    else:
        for problem in found["problems"]:
            click.echo(problem["detail"])
    if not found["is_whole"]:
        sys.exit(1)
