"""`fluxgate ledger`."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

import click

from app.audit.roll_up import rebuild_usage
from app.audit.usage_check import check_usage
from app.billing.ledger_check import Difference, check_ledger, repair_allowances
from app.cli.output import print_json, print_table
from app.cli.stores import ready_database, ready_stores
from app.storage.postgres import Database

# Every job that there ever was is looked at.
TIMEOUT_SECONDS = 600.0
COLUMNS = ("where", "subject", "what", "stored", "expected")


@click.group()
def ledger() -> None:
    """The ledger says what every job reserved, cost and gave back."""


@ledger.command("check")
@click.option("--repair", is_flag=True, help="Count what differs anew: counters of limits, sums of usage.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def check(context: click.Context, *, repair: bool, as_json: bool) -> None:
    """Compare counters, costs and usage with the ledger; exit 1 when something differs.

    It may run beside a gateway that is at work. Jobs and entries of the ledger are never changed: a
    difference in them is for people to look at.
    """
    with ready_stores(redis=False) as settings:

        async def run() -> tuple[list[Difference], list[Difference]]:
            async with ready_database(settings, timeout_seconds=TIMEOUT_SECONDS) as database:
                found = await _check(database)
                if repair and found:
                    await repair_allowances(database, found)
                    await rebuild_usage(database)
                    return found, await _check(database)
                return found, found

        found, left = asyncio.run(run())
    if as_json:
        print_json({"items": _shown(found), "next_cursor": None, "repaired": len(found) - len(left)})
    else:
        _tell(found, left, is_repaired=repair)
    context.exit(1 if left else 0)


async def _check(database: Database) -> list[Difference]:
    return [*await check_ledger(database), *await check_usage(database)]


def _shown(found: Sequence[Difference]) -> list[dict[str, str | None]]:
    return [{column: asdict(one)[column] for column in COLUMNS} for one in found]


def _tell(found: Sequence[Difference], left: Sequence[Difference], *, is_repaired: bool) -> None:
    if not found:
        click.echo("Counters, costs and usage are what the ledger says.")
        return
    print_table(_shown(found), COLUMNS)
    if is_repaired:
        click.echo(f"{len(found) - len(left)} of {len(found)} differences repaired.")
