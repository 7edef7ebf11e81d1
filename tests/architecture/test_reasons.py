"""Whoever switches a check off says why, right there."""

import io
import re
import tokenize
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT, Module, all_modules, list_of

OPT_OUT = re.compile(r"#\s*(?:noqa|type:\s*ignore|ruff:|mypy:|pragma:|fmt:)")
WITH_REASON = re.compile(
    r"#\s*(?:noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|type:\s*ignore\[[a-z-]+(?:,\s*[a-z-]+)*\])\s+#\s*(?P<why>.+)"
)
RUFF_CODE = re.compile(r'^\s*"(?P<code>[A-Z]+\d*)",(?P<rest>.*)$')
LIST_OF_OPT_OUTS = re.compile(r"^(?:ignore|\"[^\"]+\") = \[$")
FEWEST_WORDS = 2


def test_each_opt_out_in_the_code_has_a_code_and_a_reason() -> None:
    silent = [finding for module in all_modules() for finding in silent_opt_outs(module)]
    assert not silent, f"write `# noqa: CODE # why it is right here`:{list_of(silent)}"


def test_each_opt_out_of_the_project_has_a_reason() -> None:
    silent = list(silent_project_opt_outs((ROOT / "pyproject.toml").read_text()))
    assert not silent, f"write `# why` behind the code in pyproject.toml:{list_of(silent)}"


def test_each_dependency_has_a_reason() -> None:
    silent = list(silent_dependencies((ROOT / "pyproject.toml").read_text()))
    assert not silent, f"write `# why` behind the package in pyproject.toml:{list_of(silent)}"


@pytest.mark.parametrize("line", ['    "click",', '    "click",  # cli', '    "redis[hiredis]>=5",'])
def test_a_dependency_without_a_reason_is_caught(line: str) -> None:
    for table in ("[project]\ndependencies = [", "[project.optional-dependencies]\nmore = ["):
        assert list(silent_dependencies(f"{table}\n{line}\n]\n"))


@pytest.mark.parametrize(
    "comment",
    [
        "noqa",
        "noqa: S101",
        "noqa: S101 # yes",
        "type: ignore",
        "type: ignore # the library has no types",
        "type: ignore[arg-type]",
        "ruff: noqa",
        "pragma: no cover",
        "fmt: off",
    ],
)
def test_a_silent_opt_out_is_caught(comment: str) -> None:
    assert list(silent_opt_outs(Module("app/x.py", f"A = 1  # {comment}\n")))


def test_a_reasoned_opt_out_passes() -> None:
    text = "A = 1  # noqa: S101, S102 # a fixed word of ours\nB = '# noqa'\n"
    assert not list(silent_opt_outs(Module("app/x.py", text)))


@pytest.mark.parametrize("line", ['    "D105",', '    "D105", # x'])
def test_a_silent_opt_out_of_the_project_is_caught(line: str) -> None:
    assert list(silent_project_opt_outs(f"[tool.ruff.lint]\nignore = [\n{line}\n]\n"))


def silent_opt_outs(module: Module) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT and OPT_OUT.match(token.string):
            reason = WITH_REASON.fullmatch(token.string)
            if reason is None or len(reason["why"].split()) < FEWEST_WORDS:
                yield f"{module.path}:{token.start[0]}: {token.string}"


def silent_dependencies(text: str) -> Iterator[str]:
    told = tomllib.loads(text)["project"]
    for group in (told.get("dependencies", []), *told.get("optional-dependencies", {}).values()):
        for package in group:
            [line] = [one for one in text.splitlines() if one.strip().startswith(f'"{package}"')]
            if len(line.partition("#")[2].split()) < FEWEST_WORDS:
                yield line.strip()


def silent_project_opt_outs(text: str) -> Iterator[str]:
    is_inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if LIST_OF_OPT_OUTS.match(line):
            is_inside = True
        elif line.startswith("]"):
            is_inside = False
        elif is_inside and (opt_out := RUFF_CODE.match(line)):
            _, mark, why = opt_out["rest"].partition("#")
            if not mark or len(why.split()) < FEWEST_WORDS:
                yield f"pyproject.toml:{number}: {opt_out['code']}"
