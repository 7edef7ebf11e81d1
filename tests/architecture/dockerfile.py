"""Just enough of the grammar of Dockerfiles and compose files to check ours without an engine."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")


@dataclass
class Stage:
    """One `FROM` and what follows it."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """The arguments of every such instruction."""
        return [arguments for word, arguments in self.steps if word == instruction]

    def words(self, instruction: str) -> list[str]:
        """The words of the last such instruction, which is written as a JSON list."""
        words: list[str] = json.loads(self.all(instruction)[-1])
        return words


class MissingVariableError(Exception):
    """A variable that has to be set is not."""


def read_stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, arguments = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = arguments.partition(" AS ")
            stages.append(Stage(base.strip(), name.strip()))
        else:
            stages[-1].steps.append((word, " ".join(arguments.split())))
    return stages


def copied(stage: Stage) -> list[str]:
    """What a stage takes from the repository."""
    copies = [arguments.split() for arguments in stage.all("COPY") if not arguments.startswith("--from=")]
    return [source for words in copies for source in words[:-1]]


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Whether `.dockerignore` keeps a path from the engine; the last pattern that fits decides."""
    ignored = False
    parents = [path.rsplit("/", count)[0] for count in range(path.count("/") + 1)]
    for pattern in patterns:
        plain = pattern.removeprefix("!").removeprefix("**/")
        if any(fnmatch(part, plain) for part in parents):
            ignored = not pattern.startswith("!")
    return ignored


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME}`, `${NAME:-default}` and `${NAME:?message}` as compose replaces them.

    Raises:
        MissingVariableError: a required one is not set, or is empty.
    """

    def value(match: re.Match[str]) -> str:
        found = variables.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise MissingVariableError(match["name"])
        return found or (match["rest"] if match["kind"] == "-" else "") or ""

    return VARIABLE.sub(value, text)
