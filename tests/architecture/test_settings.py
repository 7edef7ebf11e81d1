"""`docs/settings.md` has one row per setting, with the default that the code has."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo

from app.settings import PREFIX, Settings
from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "settings.md"
ROW = re.compile(r"^\| `(?P<name>FLUXGATE_\w+)` \|(?P<meaning>[^|]+)\|(?P<unit>[^|]+)\|(?P<default>[^|]+)\|$")
UNITS = {"_seconds": "seconds", "_bytes": "bytes", "_days": "days"}
# Numbers without a unit in their name count something; what, the row says.
COUNTED = frozenset(
    {
        "accepted_backlog_limit",
        "accepted_slots",
        "bad_credentials_per_minute",
        "database_pool_size",
        "traces_sample_ratio",
        "upstream_connections",
        "vault_slots",
        "waits_per_credential",
        "webhook_slots",
        "webhook_slots_per_host",
        "worker_looks_per_second",
        "worker_slots",
    }
)


@dataclass(frozen=True)
class Row:
    """One setting as the page should show it."""

    name: str
    unit: str
    default: str


def test_the_page_shows_every_setting_and_its_default() -> None:
    written = {row.name: row for row in written_rows(PAGE.read_text())}
    right = right_rows()
    assert list(written.values()) == right, f"the table of {PAGE.name} should be:\n\n{right_table()}"


def test_a_wrong_page_is_caught() -> None:
    text = right_table()
    assert list(written_rows(text)) == right_rows()
    for wrong in (
        text.replace("`8`", "`9`", 1),
        "\n".join(text.splitlines()[:-1]),
        text.replace("seconds", "s", 1),
    ):
        assert list(written_rows(wrong)) != right_rows()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_number_names_its_unit(name: str) -> None:
    default = Settings.model_fields[name].default
    if isinstance(default, int | float) and not isinstance(default, bool):
        assert name.endswith(tuple(UNITS)) or name in COUNTED, "name the unit, or add it to COUNTED"


def right_rows() -> list[Row]:
    return [Row(PREFIX + name.upper(), _unit(name, field), _default(field)) for name, field in _fields()]


def right_table() -> str:
    meanings = _meanings(PAGE.read_text() if PAGE.exists() else "")
    lines = ["| variable | meaning | unit | default |", "| --- | --- | --- | --- |"]
    lines += [
        f"| `{row.name}` | {meanings.get(row.name, 'TO BE WRITTEN')} | {row.unit} | {row.default} |"
        for row in right_rows()
    ]
    return "\n".join(lines)


def written_rows(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        if (row := ROW.match(line)) is not None and row["meaning"].strip() != "TO BE WRITTEN":
            yield Row(row["name"], row["unit"].strip(), row["default"].strip())


def _meanings(text: str) -> dict[str, str]:
    rows = (ROW.match(line) for line in text.splitlines())
    return {row["name"]: row["meaning"].strip() for row in rows if row is not None}


def _fields() -> list[tuple[str, FieldInfo]]:
    return list(Settings.model_fields.items())


def _unit(name: str, field: FieldInfo) -> str:
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return unit
    if name in COUNTED:
        return "number"
    return "true or false" if isinstance(field.default, bool) else "text"


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | ():
            return "none"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case float() as number if number.is_integer():
            return f"`{int(number)}`"
        case tuple() as names:
            return f"`{','.join(names)}`"
        case Path() | str() | int() | float() as value:
            return f"`{value}`"
    raise AssertionError(f"say how a default like {field.default!r} is shown")
