"""`fluxgate worker`."""

import asyncio
import signal

import click

from app.cli.stores import bring_up_to_date, ready_stores
from app.errors import StartupError
from app.lifespan import open_gateway
from app.operations.metrics import Metrics
from app.settings import Settings


@click.command()
def worker() -> None:
    """Run the background worker alone; any number may run beside each other."""
    with ready_stores() as settings:
        asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    if settings.migrate_on_start:
        await bring_up_to_date(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    has_died = False

    def on_death() -> None:
        nonlocal has_died
        has_died = True
        stop.set()

    async with open_gateway(settings, Metrics(), public_url="", with_worker=True, on_death=on_death):
        click.echo("Following jobs. Stop with Ctrl-C.", err=True)
        await stop.wait()
    if has_died:
        raise StartupError("a background task ended by a fault; the line above says which")
