"""The memory of a simulated upstream: one JSON line for each thing it has agreed to."""

import os
from pathlib import Path
from typing import Any

import orjson


class Journal:
    """An append-only file of JSON lines; a line is in the operating system's hands when `write` returns."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)

    def read(self) -> list[dict[str, Any]]:
        """All lines so far; a last one that a crash cut short was never answered and is dropped."""
        text = self._path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        os.truncate(self._file, len(whole))
        return [orjson.loads(line) for line in whole.splitlines()]

    def write(self, line: dict[str, Any]) -> None:
        """Appends one line."""
        os.write(self._file, orjson.dumps(line) + b"\n")

    def close(self) -> None:
        """Closes the file."""
        os.close(self._file)
