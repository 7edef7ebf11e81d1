"""The table of faults names tests that there are."""

import ast
import re

from tests.architecture.source import ROOT, list_of

TABLE = ROOT / "docs" / "reliability.md"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
HEADER = "| fault | promise | test | last result |"


def test_each_row_names_a_test_that_there_is() -> None:
    named = NAMED.findall(TABLE.read_text())
    assert named
    missing = [f"{path}::{name}" for path, name in named if name not in names_in(path)]
    assert not missing, f"in {TABLE.name}, but nowhere else:{list_of(missing)}"


def test_each_row_has_a_fault_a_promise_a_test_and_a_result() -> None:
    rows = [line for line in TABLE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    wrong = [row for row, found in zip(rows, cells, strict=True) if len(found) != 4 or not all(found)]
    assert not [row for row in wrong if not row.startswith("| ---")], list_of(wrong)
    assert HEADER in rows


def names_in(path: str) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    file = ROOT / "tests" / path
    if not file.exists():
        return set()
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, kinds)}
