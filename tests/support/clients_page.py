"""`docs/clients.md` as programs and as a table: tests run the one and hold the other to its word."""

import re
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from tests.support.processes import ROOT

PAGE = ROOT / "docs" / "clients.md"
BLOCK = re.compile(
    r"(?:^<!-- run: (?P<name>[\w-]+) -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
ADDRESS = "https://gateway.example.com"
KEY = "fg_..."
FAL_PYTHON, FAL_JAVASCRIPT = "fal_client", "@fal-ai/client"
OPENAI = {"python": "openai in Python", "javascript": "openai in JavaScript"}
FAILURES = {500: "the model fails", 422: "the model refuses the prompt"}
SEEN = re.compile(r"`\w+`(?: \d{3})?")


@dataclass(frozen=True)
class Block:
    """A block of code; its name stands in a comment above it."""

    name: str | None
    language: str
    text: str


def blocks() -> list[Block]:
    """All of the page, in order."""
    found = BLOCK.finditer(PAGE.read_text())
    return [Block(block["name"], block["language"], block["text"]) for block in found]


def recipe(name: str, address: str, key: str, **exchanged: str) -> str:
    """One block with the reader's own address and key, and whatever else the reader has to exchange."""
    [text] = [block.text for block in blocks() if block.name == name]
    for given, own in exchanged.items():
        assert given in text, f"{name} has no {given}"
        text = text.replace(given, own)
    if not address:
        assert ADDRESS.removeprefix("https://") not in text
        return text
    text = text.replace(ADDRESS, address).replace(KEY, key)
    return text.replace(ADDRESS.removeprefix("https://"), address.partition("://")[2])


def outcomes() -> list[list[str]]:
    """The table, row by row, the first with the clients' names."""
    lines = PAGE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| what happens |"))
    rows = [line for line in takewhile(lambda line: line.startswith("|"), lines[first:]) if "---" not in line]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def told(what: str, client: str) -> str:
    """What the page's table says first about an outcome for a client: the error and its status."""
    head, *rows = outcomes()
    [row] = [row for row in rows if row[0] == what]
    cell = row[[name.replace("`", "") for name in head].index(client)]
    found = SEEN.match(cell)
    assert found, cell
    return found[0]


def seen(raised: dict[str, Any]) -> str:
    """An error in the words of the table."""
    status = raised.get("status_code") or raised.get("status")
    # The classes of fal's JavaScript client lose their names where it is bundled for a page.
    name = raised.get("name") or raised["class"]
    return f"`{name}` {status}" if status else f"`{name}`"
