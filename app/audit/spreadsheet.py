"""Lines of CSV as RFC 4180 has them, which a spreadsheet shows and never executes. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

# What makes a spreadsheet read a cell as a formula; the wide ones do so in Japanese and Chinese versions.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

_NEEDS_QUOTES: Final = frozenset('",\r\n')


def csv_lines(rows: Iterable[Sequence[object]]) -> bytes:
    """The rows as bytes in UTF-8; None is an empty cell, and only texts are looked at, never numbers."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows).encode()


def _cell(value: object) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    if value.startswith(FORMULA_STARTS):
        return _quoted(f"'{value}")
    return value if _NEEDS_QUOTES.isdisjoint(value) else _quoted(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
