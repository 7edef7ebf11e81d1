"""What a job was asked for, as far as a page shows it: it may be very large, or nested deeply. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

# What is larger is neither read nor parsed for a page.
SHOWN_INPUT_BYTES: Final = 256_000
# Indenting what is nested deeply makes many times as much of it.
MOST_DEPTH: Final = 6
MOST_MEMBERS: Final = 60
MOST_CHARACTERS: Final = 100_000
LINE_CHARACTERS: Final = 300
NAME_CHARACTERS: Final = 100
PROMPT: Final = "prompt"
MORE: Final = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True, slots=True)
class Fact:
    """One parameter on one line; what a person wrote is told apart from what is JSON."""

    name: str
    text: str
    is_words: bool


@dataclass(frozen=True, slots=True)
class ShownInput:
    """An input as the page shows it.

    Attributes:
        facts: its parameters beside the prompt, the first of them.
        text: as JSON; empty where there is nothing.
        is_cut: whether the JSON is not all of it.
    """

    facts: Sequence[Fact] = ()
    text: str = ""
    is_cut: bool = False


NO_INPUT: Final = ShownInput()


def input_of(stored: orjson.Fragment) -> ShownInput:
    """The input as it is stored; an empty one where that is no object. Pure."""
    given = orjson.loads(orjson.dumps(stored))
    if not isinstance(given, dict) or not given:
        return NO_INPUT
    short = _fewer(given, 0)
    text = orjson.dumps(short, option=orjson.OPT_INDENT_2).decode()
    facts = [_fact(name, value) for name, value in short.items() if name != PROMPT]
    return ShownInput(facts, text[:MOST_CHARACTERS], short != given or len(text) > MOST_CHARACTERS)


def shortened(value: object, depth: int = 0) -> object:
    """A value with no more members and no deeper than a page can show; its words stay. Pure."""
    if isinstance(value, Mapping):
        return _fewer(value, depth)
    if not isinstance(value, list):
        return value
    if depth >= MOST_DEPTH:
        return [MORE] if value else []
    first = [shortened(one, depth + 1) for one in value[:MOST_MEMBERS]]
    return first if len(value) <= MOST_MEMBERS else [*first, f"{MORE} {len(value) - MOST_MEMBERS} more"]


def _fewer(value: Mapping[str, object], depth: int) -> dict[str, object]:
    if depth >= MOST_DEPTH:
        return {MORE: MORE} if value else {}
    first = {name: shortened(value[name], depth + 1) for name in list(value)[:MOST_MEMBERS]}
    return first if len(value) <= MOST_MEMBERS else {**first, MORE: f"{len(value) - MOST_MEMBERS} more"}


def _fact(name: str, value: object) -> Fact:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return Fact(_cut(name, NAME_CHARACTERS), _cut(text, LINE_CHARACTERS), isinstance(value, str))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + MORE
