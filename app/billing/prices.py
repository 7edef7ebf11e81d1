"""What a request can cost at most, by the rules of one version of the prices. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import translate
from math import ceil
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.billing.money import price_of
from app.catalogue.model import Model
from app.catalogue.sizes import ImageSize, picture_size

PIXELS_PER_MEGAPIXEL: Final = 1_000_000
# Where the size of a picture is known only when it is made, and the rule says nothing: the largest that the
# listed models make.
LARGEST_MEGAPIXELS: Final = 4
# A model that is not listed may be asked for any number; beyond this one the price counts as unknown.
IMAGES_LIMIT: Final = 1000
# Most requests ask for the same sizes and numbers; so many quotes are remembered with a version.
REMEMBERED_QUOTES: Final = 1024

Per = Literal["megapixel", "image", "unit"]
Rounding = Literal["exact", "up"]

_SIZE: Final = TypeAdapter[Any](ImageSize)


@dataclass(frozen=True, slots=True)
class PriceRule:
    """The price of the models that a pattern fits.

    Attributes:
        model: a model id, or a pattern with `*`, `?` and `[...]`; `*` takes slashes too.
        per: what is counted: megapixels, pictures, or the upstream's own billed units.
        micros: the price of one of them, in micro-USD.
        rounding: `up` counts each picture as the next full megapixel.
        largest: megapixels, or units, of one picture at most, for requests that do not tell; a price per
            unit needs it.
    """

    model: str
    per: Per
    micros: int
    rounding: Rounding = "exact"
    largest: Decimal | int | None = None

    def __post_init__(self) -> None:
        if self.per == "unit" and self.largest is None:
            raise ValueError("a price per unit needs `largest`, the most units that one picture can take")

    @property
    def basis(self) -> str:
        """What is counted and how, in the one word that is stored with a job."""
        return "megapixel_up" if self.per == "megapixel" and self.rounding == "up" else self.per


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of one request before it is sent.

    `reserved_micros` is the highest that it can cost. All but `images`, the number of pictures asked for,
    are None where the price is unknown.
    """

    version: int | None
    basis: str | None
    unit_micros: int | None
    reserved_micros: int | None
    images: int


@dataclass(frozen=True, slots=True)
class PriceBook:
    """One version of the prices; the first rule from the top that fits a model decides."""

    version: int
    rules: tuple[PriceRule, ...]
    # Compiled here because `fnmatch` remembers 256 patterns only, and then compiles for every request.
    _patterns: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    _quotes: dict[tuple[str, str | None, int | None], Quote] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        patterns = tuple(re.compile(translate(rule.model)) for rule in self.rules)
        object.__setattr__(self, "_patterns", patterns)
        object.__setattr__(self, "_quotes", {})

    def rule_for(self, model_id: str) -> PriceRule | None:
        """The rule of this model; None when its price is unknown."""
        for rule, pattern in zip(self.rules, self._patterns, strict=True):
            if pattern.match(model_id):
                return rule
        return None

    def quote(self, model: Model, upstream_input: Mapping[str, Any]) -> Quote:
        """The highest price of this input, which has been normalised."""
        size, number = upstream_input.get("image_size"), upstream_input.get("num_images")
        is_usual = isinstance(size, str | None) and isinstance(number, int | None)
        if model.input is None or not is_usual:
            return self._calculate(model, upstream_input)
        # Of an input that was checked the price depends on nothing else.
        asked = (model.id, size, number)
        known = self._quotes.get(asked)
        if known is None:
            known = self._calculate(model, upstream_input)
            if len(self._quotes) < REMEMBERED_QUOTES:
                self._quotes[asked] = known
        return known

    def _calculate(self, model: Model, upstream_input: Mapping[str, Any]) -> Quote:
        rule = self.rule_for(model.id)
        images = _images_asked(model, upstream_input)
        if rule is None or images is None or _hides_its_size(model, upstream_input):
            return Quote(version=None, basis=None, unit_micros=None, reserved_micros=None, images=images or 1)
        reserved = price_of(images * _units_per_image(rule, model, upstream_input), rule.micros)
        return Quote(self.version, rule.basis, rule.micros, reserved, images)


def counted_megapixels(pixels: int, *, round_up: bool) -> Decimal:
    """How many megapixels are paid for one picture of so many pixels."""
    exact = Decimal(pixels) / PIXELS_PER_MEGAPIXEL
    return Decimal(ceil(exact)) if round_up else exact


def _images_asked(model: Model, upstream_input: Mapping[str, Any]) -> int | None:
    """The number of pictures; None when a model that is not listed is asked for something unreadable."""
    known = _known_field(model, "num_images")
    if known is not None:
        asked: int = upstream_input.get("num_images", known.default)
        return asked
    if model.input is not None:
        return 1
    given = upstream_input.get("num_images")
    if given is None:
        return 1
    return given if type(given) is int and 1 <= given <= IMAGES_LIMIT else None


def _hides_its_size(model: Model, upstream_input: Mapping[str, Any]) -> bool:
    """Whether a model that is not listed is asked for a size that only the upstream may know how to read."""
    given = None if model.input is not None else upstream_input.get("image_size")
    return given is not None and _readable_pixels(given) == 0


def _units_per_image(rule: PriceRule, model: Model, upstream_input: Mapping[str, Any]) -> Decimal | int:
    if rule.per == "image":
        return 1
    largest = LARGEST_MEGAPIXELS if rule.largest is None else rule.largest
    if rule.per == "unit":
        return largest
    return counted_megapixels(
        _pixels_per_image(largest, model, upstream_input), round_up=rule.rounding == "up"
    )


def _pixels_per_image(
    largest_megapixels: Decimal | int, model: Model, upstream_input: Mapping[str, Any]
) -> int:
    largest = ceil(largest_megapixels * PIXELS_PER_MEGAPIXEL)
    known = _known_field(model, "image_size")
    if known is not None:
        return _pixels(upstream_input.get("image_size", known.default))
    if model.input is None:
        # Nobody has checked this input, so what it says of its size can only make it dearer.
        return max(largest, _readable_pixels(upstream_input.get("image_size")))
    return largest


def _known_field(model: Model, name: str) -> FieldInfo | None:
    """A field that the model knows; one that merely passes through says nothing about the price."""
    return None if model.input is None else model.input.model_fields.get(name)


def _pixels(size: str | Mapping[str, Any]) -> int:
    width, height = picture_size(size)
    return width * height


def _readable_pixels(given: object) -> int:
    try:
        return _pixels(_SIZE.validate_python(given))
    except ValidationError:
        return 0
