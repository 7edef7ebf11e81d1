"""Writes the bill of materials of what is deployed, in CycloneDX's form: `make sbom`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.architecture.licences import licences_of
from tests.architecture.lock import DEPLOY
from tests.architecture.source import ROOT

PROGRAM: Final = str(Path(sys.executable).with_name("cyclonedx-py"))
PROJECT: Final = str(ROOT / "pyproject.toml")
# Not checked here: the licences are still to come, and a check takes longer than all the rest.
OPTIONS: Final = ("--output-reproducible", "--no-validate", "--spec-version", "1.6")
# The form has a list of names, and this is on it with its number of clauses alone.
NO_NAME_OF_SPDX: Final = "BSD"


def write_bill(path: Path) -> dict[str, Any]:
    """Every package that the deployment's lock names, with its hashes from there and its licences."""
    words = [PROGRAM, "requirements", *OPTIONS, "--pyproject", PROJECT, str(DEPLOY)]
    told = subprocess.run(words, capture_output=True, text=True, check=True)
    bill: dict[str, Any] = json.loads(told.stdout)
    for component in bill["components"]:
        component["licenses"] = [_licence(name) for name in sorted(licences_of(component["name"]))]
    path.write_text(json.dumps(bill, indent=2) + "\n")
    return bill


def fault_of(path: Path) -> str | None:
    """What is wrong with the form of a bill."""
    fault = JsonStrictValidator(SchemaVersion.V1_6).validate_str(path.read_text())
    return None if fault is None else str(fault)


def _licence(name: str) -> dict[str, dict[str, str]]:
    return {"license": {"name" if name == NO_NAME_OF_SPDX else "id": name}}


def main() -> None:
    """Writes it to the path that is given, and fails if that is not in CycloneDX's form."""
    path = Path(sys.argv[1])
    write_bill(path)
    if (fault := fault_of(path)) is not None:
        sys.exit(f"{path} is not a bill of materials: {fault}")


if __name__ == "__main__":
    main()
