"""`fluxgate simulate`."""

import click

from app.simulator.options import Profile, SimulatorOptions
from app.simulator.server import run_simulator


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=9000, show_default=True, help="0 takes a free port.")
@click.option("--run-seconds", default=2.0, show_default=True, help="Run time of one image of flux-1/dev.")
@click.option("--concurrency", default=8, show_default=True, help="Jobs that run at once.")
@click.option("--profile", type=click.Choice(["fal", "quickrouter"]), default="fal", show_default=True)
def simulate(*, host: str, port: int, run_seconds: float, concurrency: int, profile: Profile) -> None:
    """Serve the simulated upstream alone."""
    options = SimulatorOptions(run_seconds=run_seconds, concurrency=concurrency, profile=profile)
    run_simulator(
        options,
        host=host,
        port=port,
        announce=lambda real: click.echo(f"The simulated upstream listens on http://{host}:{real}"),
    )
