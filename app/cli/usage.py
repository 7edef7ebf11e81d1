"""`fluxgate usage`."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import click

from app.audit.period import Period, parse_moment, period_of
from app.audit.report_repository import ReportRepository
from app.audit.teams import find_team
from app.audit.usage import report_usage, usage_csv
from app.audit.usage_report import DEFAULT_GROUPS, GROUPS, UsageQuestion, columns_of, parse_groups
from app.cli.output import print_json, print_table
from app.cli.stores import ready_database, ready_stores

# Somebody waits at a terminal, and nobody else for them.
TIMEOUT_SECONDS = 60.0


def check_moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """A date, or a time with its zone."""
    try:
        return None if value is None else parse_moment(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def check_groups(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, ...]:
    """What the lines are told by."""
    try:
        return parse_groups(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("usage")
@click.option("--from", "starts_at", callback=check_moment, help="First day, or a time; else this month's.")
@click.option("--to", "ends_at", callback=check_moment, help="The day or time after the last.")
@click.option(
    "--group-by",
    "groups",
    callback=check_groups,
    default=",".join(DEFAULT_GROUPS),
    show_default=True,
    help=f"Some of {','.join(GROUPS)}.",
)
@click.option("--team", help="Name or id of one team; else all.")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def usage(
    *,
    starts_at: datetime | None,
    ends_at: datetime | None,
    groups: tuple[str, ...],
    team: str | None,
    form: str,
    as_json: bool,
) -> None:
    """Tell what was used, up to this moment."""
    question = UsageQuestion(_period(starts_at, ends_at), groups)
    form = "json" if as_json else form
    with ready_stores(redis=False) as settings:

        async def run() -> None:
            async with ready_database(settings, timeout_seconds=TIMEOUT_SECONDS) as database:
                reports = ReportRepository(database, grace_seconds=settings.result_grace_seconds)
                team_id = await find_team(reports, team)
                await _print(reports, replace(question, team_id=team_id), form)

        asyncio.run(run())


def _period(starts_at: datetime | None, ends_at: datetime | None) -> Period:
    try:
        return period_of(starts_at, ends_at, now=datetime.now(UTC))
    except ValueError as error:
        raise click.UsageError(str(error)) from None


async def _print(reports: ReportRepository, question: UsageQuestion, form: str) -> None:
    if form == "csv":
        async for piece in usage_csv(reports, question):
            click.echo(piece, nl=False)
        return
    report = await report_usage(reports, question)
    if form == "json":
        print_json(report)
        return
    columns = [column for column in columns_of(question.groups) if not column.endswith("_id")]
    totals = dict.fromkeys(columns) | {columns[0]: "total"} | report["totals"]
    print_table([*report["items"], totals], columns)
