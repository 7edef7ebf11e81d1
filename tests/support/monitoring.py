"""The dashboard and the alert rules as the tests look at them."""

import json
import re
from typing import Any

import yaml

from tests.support.processes import ROOT

DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "fluxgate.json").read_text())
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]

SERIES = re.compile(r"\b((?:fluxgate|process)_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"')


def expressions() -> list[str]:
    """Every question of the dashboard and of the rules."""
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return [*asked, *(rule["expr"] for rule in ALERTS)]


def series_in(expression: str) -> list[tuple[str, set[str]]]:
    """The metrics that are asked for, each with the names of the labels it is asked by."""
    return [
        (name, {match[1] for match in LABEL.finditer(chosen)}) for name, chosen in SERIES.findall(expression)
    ]
