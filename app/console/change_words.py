"""What an administrative change came to, field by field. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import orjson

from app.console.words import NOTHING

LONGEST: Final = 160
PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {"team": "/console/teams/", "key": "/console/keys/", "job": "/console/jobs/"}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of a change; None where there was no such thing before, or is none after."""

    field: str
    before: str | None
    after: str | None


def differences_of(before: object, after: object) -> list[Difference]:
    """The fields that differ; of something new those that are set."""
    if not isinstance(before, Mapping | None) or not isinstance(after, Mapping | None):
        return [Difference("value", _words(before), _words(after))] if before != after else []
    old, new = before or {}, after or {}
    names = [*new, *(name for name in old if name not in new)]
    return [
        Difference(
            name,
            None if before is None else _words(old.get(name)),
            None if after is None else _words(new.get(name)),
        )
        for name in names
        if old.get(name) != new.get(name)
    ]


def whole(before: object, after: object) -> str:
    """All of a change, as JSON."""
    return orjson.dumps({"before": before, "after": after}, option=orjson.OPT_INDENT_2).decode()


def page_of_subject(action: str, subject_id: str) -> str | None:
    """Where what was changed is shown; None where it has no page."""
    place = PAGES.get(action.partition(".")[0])
    return None if place is None else f"{place}{subject_id}"


def shown_change(change: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the trail with what people read first."""
    before, after = change["before"], change["after"]
    return {
        **change,
        "differences": differences_of(before, after),
        "whole": whole(before, after),
        "page": page_of_subject(change["action"], change["subject_id"]),
    }


def _words(value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        text = str(value)
    elif isinstance(value, list) and all(isinstance(one, str) for one in value):
        text = ", ".join(value)
    else:
        text = orjson.dumps(value).decode()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
