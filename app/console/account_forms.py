"""What is typed into the forms of teams and keys, and what of it is asked for. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

NUMBERS: Final = frozenset(
    {"requests_per_minute", "max_in_flight", "payload_days", "job_days", "image_days", "grace_seconds"}
)
TICKS: Final = frozenset({"keeps_images", "rewrites_urls"})
LIMIT_FIELDS: Final = (
    "name",
    "requests_per_minute",
    "max_in_flight",
    "budget_usd",
    "budget_period",
    "models",
    "expires_at",
)
KEPT_FIELDS: Final = ("privacy", "payload_days", "job_days", "image_days", "keeps_images", "rewrites_urls")
TEAM_FIELDS: Final = (*LIMIT_FIELDS, *KEPT_FIELDS)
NEW_KEY_FIELDS: Final = ("team", *LIMIT_FIELDS)
# What the form was drawn with: fields that are still so are not asked to change.
DRAWN: Final = "drawn"
NEW: Final[Mapping[str, str]] = {"budget_period": "month", "privacy": "full"}
TICKED: Final = "yes"

_NUMBER: Final = re.compile(r"[0-9]{1,12}")
_MINUTE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it is drawn.

    Attributes:
        values: what stands in each field.
        problems: what is wrong with a field, to be said beside it.
        drawn: what stood in the fields when the form was drawn first, as JSON.
        fault: what is wrong with all of it.
    """

    values: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    drawn: str = "{}"
    fault: str | None = None


def form_of(one: Mapping[str, Any], names: Iterable[str]) -> Form:
    """The form that changes a team or a key, as it is shown."""
    values = {name: _written(one[name]) for name in names}
    if values["budget_usd"].endswith("0000"):
        values["budget_usd"] = values["budget_usd"].removesuffix("0000")
    return Form(values, drawn=orjson.dumps(values).decode())


def typed_again(
    typed: Mapping[str, str],
    problems: Iterable[Mapping[str, Any]],
    drawn: str = "{}",
    fault: str | None = None,
) -> Form:
    """The form with what was typed, and what is wrong with it."""
    return Form(typed, problems_by_field(problems), drawn, fault)


def problems_by_field(problems: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The first problem of each field; of a line in a list the line is told."""
    found: dict[str, str] = {}
    for problem in problems:
        _, name, *place = problem["loc"]
        line = f"line {place[0] + 1}: " if place and isinstance(place[0], int) else ""
        found.setdefault(str(name), f"{line}{problem['msg']}")
    return found


def typed_in(fields: Mapping[str, list[str]], names: Iterable[str]) -> dict[str, str]:
    """The text in each field of a form; empty where nothing was typed."""
    return {name: fields.get(name, [""])[0].replace("\r\n", "\n").strip() for name in names}


def asked_for(typed: Mapping[str, str]) -> dict[str, Any]:
    """What the texts mean, as the use cases take it; what means nothing stays a text and is refused there."""
    return {name: _meant(name, text) for name, text in typed.items()}


def changed(typed: Mapping[str, str], drawn: str) -> dict[str, str]:
    """The fields that say something else than when the form was drawn.

    What somebody else has changed meanwhile stays as it is, unless it was changed here as well.
    """
    before = _read(drawn)
    return {name: text for name, text in typed.items() if text != before.get(name)}


def _written(value: object) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return TICKED
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M}"
    if isinstance(value, list):
        return "\n".join(value)
    return str(value)


def _meant(name: str, text: str) -> object:
    if name in TICKS:
        return text == TICKED
    if not text:
        # A name is missed, while all other fields may be empty.
        return None if name not in ("name", "team") else text
    if name in NUMBERS and _NUMBER.fullmatch(text):
        return int(text)
    if name == "models":
        return [line.strip() for line in text.split("\n") if line.strip()]
    if name == "expires_at" and _MINUTE.fullmatch(text):
        return f"{text}:00Z"
    return text


def _read(drawn: str) -> Mapping[str, Any]:
    try:
        found = orjson.loads(drawn)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
