"""Use case: what was used, line by line, always up to the present moment."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Final

from app.audit.report_repository import ReportRepository, place_of
from app.audit.roll_up import catch_up
from app.audit.spreadsheet import csv_lines
from app.audit.usage_order import Order
from app.audit.usage_report import (
    FirstLines,
    UsageQuestion,
    columns_of,
    first_lines_of,
    shown_lines,
    totals_of,
)
from app.errors import InvalidInput
from app.storage.postgres import Row

LINES_AT_MOST: Final = 50_000
LINES_IN_A_PAGE: Final = 5_000
_AMOUNTS: Final = ("cost_usd", "saved_usd")


async def report_usage(reports: ReportRepository, question: UsageQuestion) -> dict[str, Any]:
    """The whole report with its totals.

    Raises:
        InvalidInput: it would have more lines than one answer can hold; as CSV it may have any number.
        StorageUnavailable: the database does not answer.
    """
    await catch_up(reports.database, question.team_id)
    rows = await reports.usage_lines(question, after=(), limit=LINES_AT_MOST + 1)
    if len(rows) > LINES_AT_MOST:
        raise _too_many_lines()
    # Beside the loop: other requests wait for nobody's tens of thousands of lines.
    return await asyncio.to_thread(_whole_report, question, rows)


async def usage_csv(reports: ReportRepository, question: UsageQuestion) -> AsyncIterator[bytes]:
    """The lines of the same report as CSV, a page at a time; the first piece is the head and the first page.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    await catch_up(reports.database, question.team_id)
    columns = columns_of(question.groups)
    piece, after = csv_lines([columns]), ()
    while True:
        rows = await reports.usage_lines(question, after=after, limit=LINES_IN_A_PAGE)
        lines = shown_lines(rows, question.groups)
        yield piece + csv_lines(_cells(line, columns) for line in lines)
        if len(rows) < LINES_IN_A_PAGE:
            return
        piece, after = b"", place_of(rows[-1], question.groups)


async def first_usage_lines(
    reports: ReportRepository, question: UsageQuestion, order: Order | None, *, limit: int
) -> FirstLines:
    """The first lines of a report, in its own order or another; however long it is, no more are read.

    Raises:
        StorageUnavailable: the database does not answer.
    """
    await catch_up(reports.database, question.team_id)
    rows = await reports.first_usage_lines(question, order, limit=limit)
    return first_lines_of(rows, question.groups)


async def usage_csv_in_order(
    reports: ReportRepository, question: UsageQuestion, order: Order
) -> AsyncIterator[bytes]:
    """The lines in another order as CSV, in one piece.

    Raises:
        InvalidInput: there are more lines than can be put in order; in their own there may be any number.
        StorageUnavailable: the database does not answer.
    """
    await catch_up(reports.database, question.team_id)
    # Tens of thousands of lines are not fetched to be refused.
    if await reports.number_of_usage_lines(question, most=LINES_AT_MOST + 1) > LINES_AT_MOST:
        raise _too_many_lines()
    rows = await reports.first_usage_lines(question, order, limit=LINES_AT_MOST)
    # Beside the loop: other requests wait for nobody's file.
    yield await asyncio.to_thread(_csv_of, question, rows)


def _whole_report(question: UsageQuestion, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "from": question.period.starts_at,
        "to": question.period.ends_at,
        "group_by": list(question.groups),
        "items": shown_lines(rows, question.groups),
        "totals": totals_of(rows),
    }


def _csv_of(question: UsageQuestion, rows: Sequence[Row]) -> bytes:
    columns = columns_of(question.groups)
    lines = first_lines_of(rows, question.groups).lines
    return csv_lines([columns, *(_cells(line, columns) for line in lines)])


def _cells(line: dict[str, Any], columns: Sequence[str]) -> list[object]:
    return [Decimal(line[column]) if column in _AMOUNTS else line[column] for column in columns]


def _too_many_lines() -> InvalidInput:
    message = f"this makes more than {LINES_AT_MOST} lines; group by less, ask for less time, or take the CSV"
    return InvalidInput([{"loc": ["query", "group_by"], "msg": message, "type": "too_many_lines"}])
