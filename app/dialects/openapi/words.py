"""A short way to write schemas: `text?`, `usd`, `[Job]`. Pure."""

from collections.abc import Mapping
from typing import Any, Final

SCHEMAS: Final = "#/components/schemas/"

_SIMPLE: Final[Mapping[str, dict[str, Any]]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "count": {"type": "integer"},
    "yes": {"type": "boolean"},
    "id": {"type": "string", "format": "uuid"},
    "moment": {"type": "string", "format": "date-time"},
    "url": {"type": "string", "format": "uri"},
    "usd": {"type": "string", "pattern": r"^-?\d+\.\d{6}$", "description": "US dollars with six places."},
    "object": {"type": "object"},
    "any": {},
}


def schema_of(word: str) -> dict[str, Any]:
    """The schema of a word: a simple one, or one of ours by its name; `?` may be null, `[…]` is a list.

    `a|b` is one of these words, and `=a` always the same.
    """
    if word.endswith("?"):
        inner = schema_of(word[:-1])
        return {"anyOf": [inner, {"type": "null"}]}
    if word.startswith("["):
        return {"type": "array", "items": schema_of(word[1:-1])}
    if word.startswith("="):
        return {"const": word[1:]}
    if "|" in word:
        return {"type": "string", "enum": word.split("|")}
    return dict(_SIMPLE[word]) if word in _SIMPLE else {"$ref": SCHEMAS + word}


def thing(meaning: str, **fields: str) -> dict[str, Any]:
    """An object that has these fields, each by its word."""
    return {
        "type": "object",
        "description": meaning,
        "properties": {name: schema_of(word) for name, word in fields.items()},
        "required": list(fields),
    }


def both(name: str, more: dict[str, Any]) -> dict[str, Any]:
    """What that one of ours has, and more."""
    return {"allOf": [schema_of(name), more]}


def page_of(item: str) -> dict[str, Any]:
    """A page of a listing."""
    return thing("A page; `next_cursor` is null on the last one.", items=f"[{item}]", next_cursor="text?")


def parameter(place: str, name: str, meaning: str, word: str = "text") -> dict[str, Any]:
    """A parameter; those in a path are required by their nature, and no others are."""
    return {
        "in": place,
        "name": name,
        "description": meaning,
        "schema": schema_of(word),
        "required": place == "path",
    }


def query(**fields: str) -> list[dict[str, Any]]:
    """Parameters of the query, as `name="word: meaning"`; `from_` is `from`."""
    told = ((name.rstrip("_"), *_split(text)) for name, text in fields.items())
    return [parameter("query", name, meaning, word) for name, word, meaning in told]


def headers(**fields: str) -> list[dict[str, Any]]:
    """The same for headers; `x_fal_store_io` is `X-Fal-Store-Io`."""
    told = ((name.replace("_", "-").title(), *_split(text)) for name, text in fields.items())
    return [parameter("header", name, meaning, word) for name, word, meaning in told]


def _split(text: str) -> tuple[str, str]:
    word, _, meaning = text.partition(": ")
    return word, meaning
