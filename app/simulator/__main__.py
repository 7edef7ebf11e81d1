"""The simulated upstream as a child process: `python -m app.simulator` tells its port in one line of JSON."""

import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

import click
import orjson

from app.simulator.options import Profile, SimulatorOptions
from app.simulator.server import run_simulator

STANDARD_INPUT = 0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=0, show_default=True, help="0 takes a free port.")
@click.option("--run-seconds", default=2.0, show_default=True, help="Run time of one image of flux-1/dev.")
@click.option("--concurrency", default=8, show_default=True, help="Jobs that run at once.")
@click.option("--key", default=None, help="The only credential that is let in.")
@click.option("--profile", type=click.Choice(["fal", "quickrouter"]), default="fal", show_default=True)
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), default=None)
@click.option("--fetch-images", is_flag=True, help="Fetch the pictures that inputs name.")
@click.option("--exit-with-parent", is_flag=True, help="Stop when standard input reaches its end.")
def main(
    *,
    host: str,
    port: int,
    run_seconds: float,
    concurrency: int,
    key: str | None,
    profile: Profile,
    journal: Path | None,
    fetch_images: bool,
    exit_with_parent: bool,
) -> None:
    """Serve a simulated upstream."""
    options = SimulatorOptions(
        run_seconds=run_seconds,
        concurrency=concurrency,
        key=key,
        profile=profile,
        journal=journal,
        fetch_images=fetch_images,
    )
    signal.signal(signal.SIGTERM, _stop)
    if exit_with_parent:
        threading.Thread(target=_watch_parent, daemon=True).start()
    run_simulator(options, host=host, port=port, announce=_announce)


def _announce(port: int) -> None:
    sys.stdout.buffer.write(orjson.dumps({"port": port}) + b"\n")
    sys.stdout.flush()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    # The server hands a signal on when it has closed down in order, so this is the end of an orderly stop.
    raise SystemExit(0)


def _watch_parent() -> None:
    # Unbuffered: at the end the interpreter waits for the lock of a buffer that this thread would hold.
    while os.read(STANDARD_INPUT, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
