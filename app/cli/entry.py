"""`fluxgate`: every command, and how errors become exit codes."""

import sys

import click

from app.cli.audit import audit
from app.cli.keys import keys
from app.cli.ledger import ledger
from app.cli.prices import prices
from app.cli.purge import prompts, purge
from app.cli.restored import restored
from app.cli.serve import serve
from app.cli.simulate import simulate
from app.cli.stores import migrate_command
from app.cli.teams import teams
from app.cli.usage import usage
from app.cli.worker import worker
from app.errors import FluxgateError, StartupError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fluxgate")
def fluxgate() -> None:
    """A self-hosted gateway in front of QuickRouter's fal image routes and of fal itself."""


for command in (
    serve,
    worker,
    migrate_command,
    simulate,
    teams,
    keys,
    audit,
    prices,
    usage,
    ledger,
    restored,
    purge,
    prompts,
):
    fluxgate.add_command(command)


def main() -> None:
    """The console script: 0 on success, 2 on bad usage, 1 otherwise with one line that says why."""
    try:
        fluxgate(prog_name="fluxgate")
    except StartupError as error:
        click.echo(f"fluxgate: {error}", err=True)
        sys.exit(1)
    except FluxgateError as error:
        click.echo(f"fluxgate: {error.detail}", err=True)
        sys.exit(1)
