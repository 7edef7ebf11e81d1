"""Whole listings out of their pages."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

PAGE_ROWS: Final = 100

AskPage = Callable[[str | None, int], Awaitable[dict[str, Any]]]


async def every_page(ask: AskPage, *, at_most: int | None = None) -> list[dict[str, Any]]:
    """The items of all pages, or of the first ones up to so many.

    Args:
        ask: gives the page at a cursor with up to so many items.
        at_most: how many items are wanted.
    """
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        wanted = PAGE_ROWS if at_most is None else min(PAGE_ROWS, at_most - len(items))
        page = await ask(cursor, wanted)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None or len(items) == at_most:
            return items
