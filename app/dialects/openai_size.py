"""OpenAI's `size` as the field of a model that says how large its picture is to be. Pure."""

import re
from collections.abc import Mapping
from math import gcd
from types import MappingProxyType
from typing import Any, Final

from app.catalogue.model import Model, ModelInput
from app.catalogue.problems import shorten
from app.catalogue.words import SIZE_FIELD, words_of
from app.errors import InvalidInput

AUTO: Final = "auto"
RATIO_FIELDS: Final = ("aspect_ratio", "resolution_mode")
# By which name of OpenAI's a caller knows a field of the model's input.
OPENAI_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {"num_images": "n", SIZE_FIELD: "size", **dict.fromkeys(RATIO_FIELDS, "size")}
)

_PIXELS: Final = re.compile(r"(\d{1,6})[xX](\d{1,6})", re.ASCII)
_RATIO: Final = re.compile(r"\d{1,3}:\d{1,3}", re.ASCII)


def size_fields(model: Model, size: str) -> dict[str, Any]:
    """What of the model's input says the size: pixels, a ratio or a word; nothing for `auto`.

    Raises:
        InvalidInput: the model makes no such size; the message says which it makes.
    """
    if size == AUTO:
        return {}
    pixels = _PIXELS.fullmatch(size)
    sides = (int(pixels[1]), int(pixels[2])) if pixels else None
    if model.input is None:
        return {SIZE_FIELD: size if sides is None else _area(sides)}
    if SIZE_FIELD in model.input.model_fields:
        return {SIZE_FIELD: _word(model.input, size) if sides is None else _area(sides)}
    for name in RATIO_FIELDS:
        if name in model.input.model_fields:
            return {name: _ratio(words_of(model.input, name), size, sides)}
    raise _wrong(size, "this model's pictures are as large as the one that is given; leave size out")


def _area(sides: tuple[int, int]) -> dict[str, int]:
    return {"width": sides[0], "height": sides[1]}


def _word(fields: type[ModelInput], size: str) -> str:
    words = words_of(fields, SIZE_FIELD)
    if size in words:
        return size
    raise _wrong(size, f"write WIDTHxHEIGHT like 1024x768, {AUTO}, or one of {', '.join(words)}")


def _ratio(words: tuple[str, ...], size: str, sides: tuple[int, int] | None) -> str:
    """The ratio of the sides, or the size itself where it is one; a model without words takes any."""
    ratio = size if sides is None else _reduced(sides)
    if ratio in words or (not words and _RATIO.fullmatch(ratio)):
        return ratio
    named = f"is {ratio}, which this model does not make" if sides else "is not WIDTHxHEIGHT like 1024x768"
    offer = f"its sizes are {', '.join(words)}" if words else "it takes ratios of at most three digits a side"
    raise _wrong(size, f"{shorten(size)} {named}; {offer}, or {AUTO}")


def _reduced(sides: tuple[int, int]) -> str:
    width, height = sides
    common = gcd(width, height) or 1
    return f"{width // common}:{height // common}"


def _wrong(size: str, message: str) -> InvalidInput:
    return InvalidInput(
        [{"loc": ["body", "size"], "msg": message, "type": "value_error", "input": shorten(size)}]
    )
