"""What the lock files pin."""

import re
from pathlib import Path

from tests.architecture.source import ROOT

ALL = ROOT / "requirements" / "all.txt"
DEPLOY = ROOT / "requirements" / "deploy.txt"
BUILD = ROOT / "deploy" / "build.txt"

_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def pins_in(text: str) -> dict[str, str]:
    """The versions of a lock file, by package."""
    return {name: version.strip() for name, version in _PIN.findall(text)}


def hashes_in(path: Path) -> dict[str, set[str]]:
    """What the files of each package may be, by their SHA-256."""
    blocks = re.split(r"^(?=[A-Za-z0-9])", path.read_text(), flags=re.MULTILINE)
    return {next(iter(pins_in(block))): set(_HASH.findall(block)) for block in blocks if pins_in(block)}
