"""The code as text and as trees, for the rules to look at."""

import ast
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[2]
NOT_OURS = frozenset({".venv", ".git", "data", "__pycache__", ".peers"})

Node = TypeVar("Node", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of Python; `path` is relative to the repository, with slashes."""

    path: str
    text: str
    tree: ast.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", ast.parse(self.text, self.path))

    def every(self, kind: type[Node]) -> Iterator[Node]:
        """All nodes of that kind, wherever they stand."""
        return (node for node in ast.walk(self.tree) if isinstance(node, kind))

    def functions(self) -> list[Function]:
        """All functions and methods, nested ones included."""
        return [*self.every(ast.FunctionDef), *self.every(ast.AsyncFunctionDef)]

    def at(self, node: ast.stmt | ast.expr | ast.excepthandler, words: str) -> str:
        """A finding that an editor can jump to."""
        return f"{self.path}:{node.lineno}: {words}"


@dataclass(frozen=True)
class Rule:
    """Something that holds for every module; `breaks` are (path, source) that the rule must catch."""

    name: str
    find: Callable[[Module], Iterable[str]]
    breaks: Sequence[tuple[str, str]]


def is_in(path: str, places: Iterable[str]) -> bool:
    """Whether the path is one of the places, or below one that ends with a slash."""
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def modules_in(folder: str) -> list[Module]:
    """The modules below a folder of the repository."""
    paths = sorted(path for path in (ROOT / folder).rglob("*.py") if NOT_OURS.isdisjoint(path.parts))
    return [Module(path.relative_to(ROOT).as_posix(), path.read_text()) for path in paths]


@cache
def app_modules() -> tuple[Module, ...]:
    """The modules of the gateway."""
    return tuple(modules_in("app"))


@cache
def all_modules() -> tuple[Module, ...]:
    """Those of the gateway, its migrations, its tests and its benches."""
    others = (module for folder in ("migrations", "tests", "bench") for module in modules_in(folder))
    return (*app_modules(), *others)


@cache
def own_files() -> tuple[Path, ...]:
    """The files of the repository as git has them or would take them; all of ours where there is no git."""
    git = shutil.which("git")
    if git is not None and (ROOT / ".git").exists():
        command = [git, "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listing = subprocess.run(command, capture_output=True, check=False)
        if listing.returncode == 0:
            names = listing.stdout.decode().split("\0")
            return tuple(path for name in names if name and (path := ROOT / name).is_file())
    found = (path for path in ROOT.rglob("*") if path.is_file())
    return tuple(path for path in found if not _is_hidden_or_foreign(path.relative_to(ROOT)))


def _is_hidden_or_foreign(path: Path) -> bool:
    folders = path.parts[:-1]
    return any(part in NOT_OURS or (part.startswith(".") and part != ".ci") for part in folders)


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; an empty text for anything that is not a plain chain of names."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def list_of(findings: Iterable[str]) -> str:
    """The findings, one a line, below the message of an assertion."""
    return "".join(f"\n  {finding}" for finding in findings)
