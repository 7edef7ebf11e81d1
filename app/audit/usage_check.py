"""Use case: whether the daily sums of usage are those of the jobs, and where they are not."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from app.audit.roll_up import coarser_differences, usage_differences
from app.audit.usage_report import SUMS
from app.billing.ledger_check import Difference
from app.storage.postgres import Executor, Row

DIMENSIONS: Final = ("team_id", "day", "key_id", "model", "end_user")


async def check_usage(executor: Executor) -> list[Difference]:
    """Compares the sums of every day with the jobs, and coarser ones with those; empty when all is well.

    Raises:
        StorageUnavailable: the database does not answer, or not in time.
    """
    found = {"": await usage_differences(executor, DIMENSIONS)}
    found |= await coarser_differences(executor, DIMENSIONS)
    return [difference for which, rows in found.items() for row in rows for difference in _wrong(which, row)]


def _wrong(which: str, row: Row) -> Iterator[Difference]:
    names = (
        which,
        row["day"],
        row["team"] or row["team_id"],
        row["key"] or row["key_id"],
        row["model"],
        row["end_user"],
    )
    subject = ", ".join(str(name) for name in names if name)
    stored, expected = _sums(row["summed"]), _sums(row["counted"])
    for name in SUMS:
        if stored[name] != expected[name]:
            yield Difference("usage", subject, name, str(stored[name]), str(expected[name]))


def _sums(document: str | None) -> Mapping[str, Any]:
    return dict.fromkeys(SUMS, 0) if document is None else orjson.loads(document)
