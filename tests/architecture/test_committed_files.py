"""No file of the repository names the place that packages come from: every machine has its own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import ROOT, list_of, own_files

# Written in pieces, or this file would be the first to be found.
INDEX = re.compile(
    "|".join(
        [
            r"\bpypi\." + r"(?:org|python)",
            r"pythonhosted\." + r"org",
            r"registry\.(?:npmjs|yarnpkg)\." + r"(?:org|com)",
            r"(?<!emit-)(?:extra-)?index-url[ =]+" + r"\S",
            r"trusted-host[ =]+" + r"\S",
            r"\b(?:docker|ghcr|quay|gcr)\." + r"io/",
            r"://\S*/simp" + r"le\b",
        ]
    ),
    re.IGNORECASE,
)
# They hold the addresses that their packages were found at.
FOREIGN_LOCKS = frozenset({"uv.lock", "poetry.lock", "Pipfile.lock", "pip.conf"})
LOCKS = ("requirements", "deploy")
# npm can be told to leave the addresses out.
NPM_LOCK = "package-lock.json"
REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.-]*(?:\[[\w,-]+\])?==", re.MULTILINE)


def test_no_file_names_a_package_index() -> None:
    named = [finding for path in own_files() for finding in indexes_in(path)]
    assert not named, f"the address of a package index is the machine's affair:{list_of(named)}"


def test_no_lock_file_of_a_foreign_form() -> None:
    assert not [path.name for path in own_files() if path.name in FOREIGN_LOCKS]


def test_each_locked_package_has_its_hashes_and_no_address() -> None:
    for path in locks():
        text = path.read_text()
        assert "://" not in text, f"{path.name} holds an address"
        assert not list(unhashed(text)), f"{path.name} has packages without a hash"
        assert REQUIREMENT.search(text), f"{path.name} is empty"


def test_each_locked_package_of_npm_has_its_hash_and_no_address() -> None:
    paths = [path for path in own_files() if path.name == NPM_LOCK]
    assert paths
    loose = [finding for path in paths for finding in loose_npm_packages(json.loads(path.read_text()))]
    assert not loose, f"write it with `npm install --omit-lockfile-registry-resolved`:{list_of(loose)}"


def test_a_loose_package_of_npm_is_caught() -> None:
    good = {"version": "1.0.0", "integrity": "sha512-x"}
    for wrong in ({"version": "1.0.0"}, {**good, "resolved": "x"}, {**good, "link": True}):
        assert list(
            loose_npm_packages({"packages": {"": {}, "node_modules/a": good, "node_modules/b": wrong}})
        )


@pytest.mark.parametrize(
    "line",
    [
        "https://" + "pypi." + "org/x",
        "url = https://files." + "pythonhosted." + "org/x.whl",
        "--index" + "-url https://example.org",
        "file:///opt/mirror/simp" + "le/",
        "FROM ghcr." + "io/fluxgate/fluxgate",
    ],
)
def test_an_index_is_caught(tmp_path: Path, line: str) -> None:
    path = tmp_path / "file"
    path.write_text(line)
    assert list(indexes_in(path))


def test_a_package_without_a_hash_is_caught() -> None:
    assert list(unhashed("click==8.1\n    # via fluxgate\nanyio==4 \\\n    --hash=sha256:ab\n")) == [
        "click==8.1"
    ]


def loose_npm_packages(lock: dict[str, Any]) -> Iterator[str]:
    for name, package in lock["packages"].items():
        # The first entry is the folder itself.
        is_pinned = "integrity" in package and not {"resolved", "link"} & package.keys()
        if name and not is_pinned:
            yield name


def locks() -> list[Path]:
    return sorted(path for folder in LOCKS for path in (ROOT / folder).glob("*.txt"))


def unhashed(text: str) -> Iterator[str]:
    lines = text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if REQUIREMENT.match(line) and "--hash=sha256:" not in following:
            yield line


def indexes_in(path: Path) -> Iterator[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if INDEX.search(line):
            yield f"{path.name}:{number}: {line.strip()[:100]}"
