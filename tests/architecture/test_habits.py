"""The habits of this code hold everywhere, and each rule catches what it is for."""

import pytest

from tests.architecture.habits import LOOSE_TASKS, READERS, RULES
from tests.architecture.source import Module, Rule, app_modules, list_of


@pytest.mark.parametrize("rule", [pytest.param(rule, id=rule.name) for rule in RULES])
def test_holds(rule: Rule) -> None:
    findings = [finding for module in app_modules() for finding in rule.find(module)]
    assert not findings, f"{rule.name}:{list_of(findings)}"


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [pytest.param(rule, *example, id=rule.name) for rule in RULES for example in rule.breaks],
)
def test_catches(rule: Rule, path: str, source: str) -> None:
    assert list(rule.find(Module(path, source)))


def test_exceptions_are_still_needed() -> None:
    """An exception for a file that is gone would cover whatever comes to stand there."""
    paths = {module.path for module in app_modules()}
    assert not {*LOOSE_TASKS, *READERS} - paths
