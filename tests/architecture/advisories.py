"""Known vulnerabilities of what the lock files pin, from a file that is part of the repository."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.architecture.source import ROOT

FILE = ROOT / "requirements" / "advisories.toml"


@dataclass(frozen=True)
class Advisory:
    """What is known of some versions of a package; `affected` are ranges, any of which is enough."""

    package: str
    id: str
    affected: tuple[str, ...]
    summary: str

    def hits(self, version: str) -> bool:
        """Whether this version is among them."""
        found = Version(version)
        return any(SpecifierSet(one).contains(found, prereleases=True) for one in self.affected)


@dataclass(frozen=True)
class Collection:
    """All of them, and how much they are worth."""

    advisories: Sequence[Advisory]
    brought_up_to_date: date
    newest_record: date
    is_complete: bool
    source: str


def read_advisories() -> Collection:
    """The file as it is."""
    told = tomllib.loads(FILE.read_text())
    found = tuple(_advisory(one) for one in told.pop("advisory"))
    return Collection(advisories=found, **told)


def _advisory(told: Mapping[str, Any]) -> Advisory:
    return Advisory(**{**told, "affected": tuple(told["affected"])})


def known_faults(pins: Mapping[str, str], advisories: Sequence[Advisory]) -> Iterator[str]:
    """A line for each pin that is known to be vulnerable."""
    for advisory in advisories:
        version = pins.get(advisory.package)
        if version is not None and advisory.hits(version):
            yield f"{advisory.package} {version}: {advisory.id}, {advisory.summary}"
