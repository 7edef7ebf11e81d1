"""Amounts: integer micro-USD inside, decimal text with six places outside. Pure, and without floats."""

import re
from decimal import Decimal
from typing import Final

MICROS_PER_USD: Final = 1_000_000
USD_LIMIT: Final = 1_000_000_000

_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,6}))?")


def usd(micros: int) -> str:
    """An amount for people and programs: 25000 is `0.025000`."""
    dollars, rest = divmod(abs(micros), MICROS_PER_USD)
    return f"{'-' if micros < 0 else ''}{dollars}.{rest:06}"


def usd_or_none(micros: int | None) -> str | None:
    """The same for an amount that may be unknown; what is unknown is never shown as zero."""
    return None if micros is None else usd(micros)


def parse_usd(text: str) -> int:
    """The micro-USD that a text like `0.025` stands for.

    Raises:
        ValueError: it is not a plain amount between 0 and a billion, with at most six places.
    """
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        raise ValueError(
            "write an amount in USD such as 0.025: digits and at most six places after a point, "
            "no sign, exponent, space or currency"
        )
    dollars, places = amount.groups(default="")
    micros = int(dollars) * MICROS_PER_USD + int(places.ljust(6, "0"))
    if micros > USD_LIMIT * MICROS_PER_USD:
        raise ValueError(f"an amount is at most {USD_LIMIT} USD")
    return micros


def read_usd(given: object) -> int:
    """The micro-USD of an amount in JSON: a text, or a number, which counts as it is written.

    Raises:
        ValueError: as for `parse_usd`.
    """
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    # The shortest text of a float is the one that was written, as far as six places go.
    written = repr(given).removesuffix(".0") if is_number else given
    return parse_usd(written if isinstance(written, str) else "")


def price_of(units: Decimal | int, unit_micros: int) -> int:
    """What so many units cost, in whole micro-USD; rounded once, half up."""
    numerator, denominator = units.as_integer_ratio()
    return (2 * numerator * unit_micros + denominator) // (2 * denominator)
