"""Programs of other people's clients, run to their end; each prints what came of a call as one document."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.processes import NO_SETTINGS, environment

DEADLINE_SECONDS = 180.0


@dataclass(frozen=True)
class Outcome:
    """What a call returned, or the error that it raised, as the program described it."""

    document: dict[str, Any]

    @property
    def returned(self) -> Any:
        assert "returned" in self.document, self.document
        return self.document["returned"]

    @property
    def raised(self) -> dict[str, Any]:
        assert "raised" in self.document, self.document
        raised = self.document["raised"]
        assert isinstance(raised, dict)
        return raised


def run_program(
    *command: str | Path,
    variables: Mapping[str, str] = NO_SETTINGS,
    directory: Path | None = None,
    seconds: float = DEADLINE_SECONDS,
) -> str:
    """What it prints; it has to end by itself, in time and in order."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        env={**environment({}), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def outcome_of(printed: str) -> Outcome:
    """The one document that a program printed."""
    document = json.loads(printed)
    assert isinstance(document, dict), document
    return Outcome(document)
