"""What one rule looks like in a price file, field by field. Pure."""

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.billing.money import parse_usd, usd
from app.billing.prices import Per, PriceRule, Rounding

PATTERN_LIMIT: Final = 200
# Times the most units and pictures that are counted, this is still far within a bigint.
UNIT_LIMIT_MICROS: Final = 10_000_000_000
LARGEST_LIMIT: Final = 10_000

_LARGEST: Final = re.compile(r"[0-9]{1,5}(?:\.[0-9]{1,6})?")


def _read_usd(given: object) -> int:
    if not isinstance(given, str):
        raise PydanticCustomError("usd_text", 'write the price as text, in quotes: "usd": "0.025"')
    try:
        micros = parse_usd(given)
    except ValueError as error:
        raise PydanticCustomError("usd_amount", "{why}", {"why": str(error)}) from None
    if micros > UNIT_LIMIT_MICROS:
        raise PydanticCustomError(
            "usd_amount", "a price is at most {limit} USD", {"limit": usd(UNIT_LIMIT_MICROS)}
        )
    return micros


def _read_largest(given: object) -> Decimal | None:
    if given is None:
        return None
    text = str(given) if type(given) is int else given
    if not isinstance(text, str) or not _LARGEST.fullmatch(text) or not 0 < Decimal(text) <= LARGEST_LIMIT:
        raise PydanticCustomError(
            "largest",
            'write a whole number, or a text such as "2.25", above 0 and at most {limit}',
            {"limit": LARGEST_LIMIT},
        )
    return Decimal(text)


class RuleForm(BaseModel):
    """One object of the list that a price file is."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    model: Annotated[str, Field(max_length=PATTERN_LIMIT, pattern=r"^[A-Za-z0-9._/*?\[\]!-]+$")]
    per: Per
    usd: Annotated[int, BeforeValidator(_read_usd)]
    rounding: Rounding = "exact"
    largest: Annotated[Decimal | None, BeforeValidator(_read_largest)] = None

    @model_validator(mode="after")
    def _fields_fit_together(self) -> "RuleForm":
        if self.per != "megapixel" and self.rounding == "up":
            raise PydanticCustomError("rounding", "`rounding` is for prices per megapixel only")
        if self.per == "image" and self.largest is not None:
            raise PydanticCustomError("largest", "`largest` means nothing for a price per image")
        if self.per == "unit" and self.largest is None:
            raise PydanticCustomError(
                "largest", "a price per unit needs `largest`: the most units that one picture can take"
            )
        return self

    def to_rule(self) -> PriceRule:
        """The rule that is written here."""
        return PriceRule(self.model, self.per, self.usd, self.rounding, self.largest)


def rule_item(rule: PriceRule) -> dict[str, str]:
    """The rule as the form takes it, without the fields that say what holds anyway."""
    item = {"model": rule.model, "per": rule.per, "usd": usd(rule.micros)}
    if rule.rounding != "exact":
        item["rounding"] = rule.rounding
    if rule.largest is not None:
        item["largest"] = f"{Decimal(rule.largest):f}"
    return item
