"""`fluxgate restored`."""

import asyncio

import click

from app.admin.declare_restored import declare_restored
from app.cli.actor import command_line_actor
from app.cli.output import print_json
from app.cli.stores import admin_context, ready_stores


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def restored(*, as_json: bool) -> None:
    """Say that the database was restored from a backup, before anything is started on it.

    Jobs that waited to be sent may have been sent after the backup was made: they become unknown instead of
    being sent again.
    """

    async def run() -> int:
        async with admin_context(settings) as admin:
            return await declare_restored(admin, command_line_actor())

    with ready_stores(redis=False) as settings:
        held = asyncio.run(run())
    if as_json:
        print_json({"held_jobs": held})
    else:
        click.echo(f"Jobs that waited to be sent and are not sent again by themselves: {held}")
