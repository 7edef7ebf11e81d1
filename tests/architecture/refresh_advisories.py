"""Writes `requirements/advisories.toml` anew from osv.dev: `make advisories`, where there is a network."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.error import URLError
from urllib.request import Request, urlopen

from tests.architecture.advisories import FILE, Advisory
from tests.architecture.lock import ALL, pins_in

OSV: Final = "https://api.osv.dev/v1"
SECONDS: Final = 30.0
LONGEST_SUMMARY: Final = 100
ECOSYSTEM: Final = "PyPI"
HEAD: Final = """\
# Known vulnerabilities of the packages in the lock files, compared with what they pin by `make check`; no
# network is needed for that. Written by `make advisories` from osv.dev.
brought_up_to_date = {today}
newest_record = {newest}
is_complete = true
source = "osv.dev"
"""


def main() -> None:
    """Asks for every package of the lock, all its versions, and writes what is known."""
    packages = sorted(pins_in(ALL.read_text()))
    try:
        records = {package: list(_records_of(package)) for package in packages}
    except (URLError, OSError, ValueError) as error:
        sys.exit(f"osv.dev cannot be asked ({error}); {FILE.name} stays as it was")
    advisories = [advisory_of(package, record) for package, found in records.items() for record in found]
    moments = [str(record["modified"])[:10] for found in records.values() for record in found]
    newest = max(moments, default=str(date.min))
    FILE.write_text(written([one for one in advisories if one.affected], newest=date.fromisoformat(newest)))
    sys.stdout.write(f"{len(advisories)} advisories for {len(packages)} packages, the newest of {newest}\n")


def advisory_of(package: str, record: Mapping[str, Any]) -> Advisory:
    """One of OSV's records, as far as it is about this package. Pure."""
    ranges = [
        one
        for affected in record.get("affected", [])
        if affected.get("package", {}).get("name", "").lower() == package
        for one in affected.get("ranges", [])
        if one.get("type") == "ECOSYSTEM"
    ]
    said = str(record.get("summary") or record.get("details") or "no summary").partition("\n")[0]
    return Advisory(package, record["id"], tuple(_specifiers(ranges)), said[:LONGEST_SUMMARY])


def written(advisories: Sequence[Advisory], *, newest: date) -> str:
    """The file. Pure, but for the day."""
    parts = [HEAD.format(today=datetime.now(UTC).date(), newest=newest)]
    for one in sorted(advisories, key=lambda advisory: (advisory.package, advisory.id)):
        # A string and a list of strings are the same in TOML and in JSON.
        lines = [f"{name} = {json.dumps(value)}" for name, value in asdict(one).items()]
        parts.append("\n".join(["[[advisory]]", *lines, ""]))
    return "\n".join(parts)


def _specifiers(ranges: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """OSV tells events in order: from where on, up to where."""
    for one in ranges:
        start: str | None = None
        for event in one.get("events", []):
            if "introduced" in event:
                start = str(event["introduced"])
                continue
            end = f"<{event['fixed']}" if "fixed" in event else f"<={event['last_affected']}"
            yield end if start in (None, "0") else f">={start},{end}"
            start = None
        if start is not None:
            yield f">={start}"


def _records_of(package: str) -> Iterator[dict[str, Any]]:
    """Every record of a package, page after page."""
    question: dict[str, Any] = {"package": {"name": package, "ecosystem": ECOSYSTEM}}
    while True:
        body = json.dumps(question).encode()
        request = Request(f"{OSV}/query", body, {"content-type": "application/json"})  # our own https address
        with urlopen(request, timeout=SECONDS) as answer:  # the same
            told = json.load(answer)
        yield from told.get("vulns", [])
        if "next_page_token" not in told:
            return
        question["page_token"] = told["next_page_token"]


if __name__ == "__main__":
    main()
