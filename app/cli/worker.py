"""`fluxgate worker`."""

import asyncio
import signal
from contextlib import suppress

import click

from app.cli.memory import give_large_blocks_back
from app.cli.open_files import raise_open_files
from app.cli.serve import Serving, listener_on
from app.cli.stores import bring_up_to_date, ready_stores
from app.errors import StartupError
from app.lifespan import open_gateway
from app.operations.metrics import Metrics
from app.operations.tracing.tracing import check_traceable, open_tracing
from app.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=int, help="Tell /livez, /readyz and /metrics there; without it nothing listens.")
def worker(*, host: str, port: int | None) -> None:
    """Run the background worker alone; any number may run beside each other."""
    with ready_stores() as settings:
        raise_open_files()
        check_traceable(settings)
        if settings.migrate_on_start:
            asyncio.run(bring_up_to_date(settings))
        if port is None:
            give_large_blocks_back()
            asyncio.run(_run(settings))
            return
        serving = Serving(settings, public_url="", with_worker=True, takes_jobs=False)
        with listener_on(host, port) as listener, suppress(KeyboardInterrupt):
            serving.run([listener], _say_hello)


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    has_died = False

    def on_death() -> None:
        nonlocal has_died
        has_died = True
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    tracing = open_tracing(settings, metrics)
    async with open_gateway(settings, metrics, tracing, public_url="", with_worker=True, on_death=on_death):
        _say_hello()
        await stop.wait()
    if has_died:
        raise StartupError("a background task ended by a fault; the line above says which")


def _say_hello() -> None:
    click.echo("Following jobs. Stop with Ctrl-C.", err=True)
