"""The dashboard and the alert rules, as far as they can be checked without Grafana and Prometheus."""

import re
from itertools import combinations
from typing import Any

import pytest

from tests.architecture.source import ROOT
from tests.support.monitoring import ALERTS, DASHBOARD, PANELS, expressions, series_in

SEVERITIES = {"critical", "warning", "info"}
PAIRS = {")": "(", "}": "{", "]": "["}
DURATION = re.compile(r"[0-9]+[smhd]")


def anchors(page: str) -> set[str]:
    """The addresses of a page's sections, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def is_balanced(expression: str) -> bool:
    bare = re.sub(r'"[^"]*"', '""', expression)
    open_ones: list[str] = []
    for letter in bare:
        if letter in PAIRS.values():
            open_ones.append(letter)
        elif letter in PAIRS and (not open_ones or open_ones.pop() != PAIRS[letter]):
            return False
    return not open_ones and bare.count('"') % 2 == 0


@pytest.mark.parametrize("rule", ALERTS, ids=[rule["alert"] for rule in ALERTS])
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors(page)
    assert rule["labels"]["severity"] in SEVERITIES
    assert rule["annotations"]["summary"]
    assert "for" not in rule or DURATION.fullmatch(rule["for"])
    assert series_in(rule["expr"])


def test_each_runbook_is_some_alerts() -> None:
    written = {anchor for anchor in anchors("docs/operations.md") if anchor.startswith("alert-")}
    assert written == {rule["annotations"]["runbook"].partition("#")[2] for rule in ALERTS}


def test_questions_are_balanced() -> None:
    assert [expression for expression in expressions() if not is_balanced(expression)] == []
    assert not is_balanced("sum(rate(x[5m])")
    assert not is_balanced('x{a="b"]')


def test_counters_are_asked_for_their_rate() -> None:
    """What only rises says nothing by itself."""
    for expression in expressions():
        for name, _ in series_in(expression):
            if name.endswith(("_total", "_count", "_bucket")):
                assert re.search(rf"(?:rate|increase)\({name}\b", expression), expression


def test_the_dashboard_can_be_imported() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job"}
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all('job=~"$job"' in target["expr"] for target in panel["targets"])


def test_no_panel_lies_over_another() -> None:
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above
