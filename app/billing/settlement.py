"""What a job costs once it has ended: what was made, as the upstream tells it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.billing.money import price_of
from app.billing.prices import counted_megapixels
from app.upstream.answer_pictures import answer_object, pictures_of
from app.upstream.answers import ModelAnswer

UNITS_HEADER: Final = "x-fal-billable-units"
# More than any job makes; what lies above is a fault of the upstream and not a price.
UNITS_LIMIT: Final = 1_000_000
IMAGES_LIMIT: Final = 2**15 - 1

_UNITS: Final = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class JobPrice:
    """The price that was stored with a job when it was recorded; see `Quote`."""

    basis: str | None
    unit_micros: int | None
    reserved_micros: int | None
    images_asked: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a job's reservation ends.

    Attributes:
        kind: `charge` or `release`.
        spent_micros: what the job costs; None where its price is unknown.
        images: how many pictures it is known to have made.
    """

    kind: str
    spent_micros: int | None
    images: int


def settle(price: JobPrice, answer: ModelAnswer) -> Settlement:
    """Charges what the answer says was made, and gives everything back for a failure that was not billed.

    The upstream's own count of units goes before everything, even above the reservation. What follows from
    the pictures in the body stays within the reservation, and what cannot be measured is charged as reserved.
    """
    units = _billed_units(answer.headers)
    if answer.status_code >= 500 or (answer.status_code >= 400 and not units):
        return release()
    pictures = pictures_of(answer_object(answer.body))
    images = min(len(pictures or ()), IMAGES_LIMIT)
    return Settlement("charge", _cost(price, units, pictures), images)


def release() -> Settlement:
    """Nothing was made: the whole reservation goes back."""
    return Settlement("release", 0, 0)


def charge_reserved(price: JobPrice) -> Settlement:
    """Nobody knows what was made: the whole reservation is charged."""
    return Settlement("charge", price.reserved_micros, 0)


def _cost(price: JobPrice, units: Decimal | None, pictures: list[Any] | None) -> int | None:
    if price.unit_micros is None or price.reserved_micros is None:
        return None
    if units is not None:
        return price_of(units, price.unit_micros)
    measured = None if pictures is None else _measure(price.basis, pictures)
    if measured is None:
        return price.reserved_micros
    return min(price_of(measured, price.unit_micros), price.reserved_micros)


def _measure(basis: str | None, pictures: list[Any]) -> Decimal | None:
    """How many units of the price these pictures are; None when they do not tell."""
    if basis == "image":
        return Decimal(len(pictures))
    if basis not in ("megapixel", "megapixel_up"):
        return None
    pixels = [_pixels(picture) for picture in pictures]
    known = [count for count in pixels if count is not None]
    if len(known) < len(pixels):
        return None
    return sum((counted_megapixels(count, round_up=basis == "megapixel_up") for count in known), Decimal(0))


def _pixels(picture: object) -> int | None:
    if not isinstance(picture, Mapping):
        return None
    width, height = _side(picture.get("width")), _side(picture.get("height"))
    return None if width is None or height is None else width * height


def _side(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def _billed_units(headers: Mapping[str, str]) -> Decimal | None:
    """The upstream's own count; None when it gives none, or something that cannot be one."""
    value = headers.get(UNITS_HEADER, "").strip()
    if not _UNITS.fullmatch(value):
        return None
    units = Decimal(value)
    return units if units <= UNITS_LIMIT else None
