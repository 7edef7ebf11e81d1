"""Pages of the operators' listings."""

from collections.abc import Callable, Sequence
from typing import Any

from app.storage.postgres import Row


def page_of(
    rows: Sequence[Row], limit: int, *, show: Callable[[Row], dict[str, Any]], cursor: Callable[[Row], str]
) -> dict[str, Any]:
    """A page, out of rows that were read with one more than `limit` to see whether there is another. Pure.

    Args:
        rows: what was read.
        limit: how many of them are the page.
        show: how one is shown.
        cursor: the cursor of what comes behind one.
    """
    items = [show(row) for row in rows[:limit]]
    return {"items": items, "next_cursor": cursor(rows[limit - 1]) if len(rows) > limit else None}
