"""`fluxgate purge`, and `fluxgate prompts`."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from app.admin.find import require_team_called
from app.cli.names import check_name
from app.cli.output import print_json, print_table
from app.cli.stores import admin_context, ready_stores
from app.retention.purge import Overdue, Piece, open_retention, overdue, purge_piece
from app.retention.repository import RetentionRepository
from app.settings import Settings

OVERDUE: Sequence[str] = ("team", "payloads", "jobs")
FOUND: Sequence[str] = ("id", "created_at", "model", "state", "key", "end_user")


@click.command("purge")
@click.option("--dry-run", is_flag=True, help="Say what is past its time, by team, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def purge(*, dry_run: bool, as_json: bool) -> None:
    """Purge what teams do not keep any longer, as every worker does once a minute."""
    with ready_stores(redis=False) as settings:
        if dry_run:
            found = asyncio.run(_overdue(settings))
        else:
            pieces = asyncio.run(_purge(settings))
    if dry_run:
        _print([asdict(one) for one in found], OVERDUE, as_json=as_json)
    else:
        _tell(pieces, as_json=as_json)


@click.group()
def prompts() -> None:
    """Prompts of which digests are kept."""


@prompts.command("find")
@click.option("--team", required=True, callback=check_name, help="The team, by its name or id.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def find(*, team: str, as_json: bool) -> None:
    """Find the jobs of a team whose prompt was exactly the text on standard input."""
    prompt = sys.stdin.read().removesuffix("\n")

    async def run() -> list[dict[str, Any]]:
        async with admin_context(settings) as admin:
            found = await require_team_called(admin.database, team)
            retention = open_retention(settings, admin.database, admin.pepper)
            return [dict(row) for row in await retention.find_prompt(found["id"], prompt)]

    with ready_stores(redis=False) as settings:
        rows = asyncio.run(run())
    _print(rows, FOUND, as_json=as_json)


async def _overdue(settings: Settings) -> list[Overdue]:
    async with admin_context(settings) as admin:
        return await overdue(open_retention(settings, admin.database, admin.pepper))


async def _purge(settings: Settings) -> list[Piece]:
    async with admin_context(settings) as admin:
        return await _all_pieces(open_retention(settings, admin.database, admin.pepper))


async def _all_pieces(retention: RetentionRepository) -> list[Piece]:
    pieces = [await purge_piece(retention)]
    while pieces[-1].is_more:
        pieces.append(await purge_piece(retention))
    return pieces


def _tell(pieces: Sequence[Piece], *, as_json: bool) -> None:
    names = ("payloads", "jobs", "digests", "deliveries")
    sums = {name: sum(getattr(piece, name) for piece in pieces) for name in names}
    if as_json:
        print_json(sums)
    else:
        click.echo("Purged: " + ", ".join(f"{number} {name}" for name, number in sums.items()) + ".")


def _print(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"items": rows, "next_cursor": None})
    else:
        print_table(rows, columns)
