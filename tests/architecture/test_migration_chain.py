"""Migrations stand in one line: two that were written beside each other would stop every start."""

import re
from collections.abc import Sequence

from tests.architecture.source import ROOT, modules_in

NUMBERS = re.compile(r'^revision = "(?P<own>\w+)"\ndown_revision = (?:None|"(?P<before>\w+)")$', re.MULTILINE)


def test_each_migration_follows_the_one_before_it() -> None:
    found = [
        (module.path, NUMBERS.search(module.text))
        for module in modules_in("migrations/versions")
        if not module.path.endswith("__init__.py")
    ]
    numbers = [(match["own"], match["before"]) for _, match in found if match is not None]
    assert len(numbers) == len(found), "say `revision` and `down_revision` in two lines below each other"
    assert all(path.rpartition("/")[2].startswith(match["own"]) for path, match in found if match)
    assert is_one_line(numbers), "give the newer one the next number, in its name and inside"


def test_what_each_migration_locks_is_told() -> None:
    """Whoever upgrades has to know it before."""
    page = (ROOT / "docs" / "upgrading.md").read_text()
    told = re.findall(r"^\| (\d{4}) \| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    files = [module.path.rpartition("/")[2][:4] for module in modules_in("migrations/versions")]
    assert told == sorted(files), (
        "docs/upgrading.md has a row for each migration: what it brings, what it locks"
    )


def test_a_fork_is_caught() -> None:
    assert is_one_line([("0001", None), ("0002", "0001")])
    assert not is_one_line([("0001", None), ("0002", "0001"), ("0002", "0001")])
    assert not is_one_line([("0001", None), ("0002", "0001"), ("0003", "0001")])


def is_one_line(numbers: Sequence[tuple[str, str | None]]) -> bool:
    owns = [own for own, _ in numbers]
    return [before for _, before in numbers] == [None, *owns[:-1]] and len({*owns}) == len(owns)
