"""What a request costs at most while it is still being written. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from app.billing.money import MICROS_PER_USD, usd_or_none
from app.billing.prices import PriceBook
from app.catalogue.model import Model
from app.catalogue.normalise import normalise
from app.console.words import usd_words
from app.errors import InvalidInput

# The price does not depend on any other field, so a prompt that is still missing does not hide it.
PRICED_FIELDS: Final = frozenset({"image_size", "num_images"})


@dataclass(frozen=True, slots=True)
class HighestPrice:
    """`micros` is None where no rule knows the price, or where one of the `wrong` fields decides it."""

    micros: int | None
    wrong: frozenset[str] = frozenset()


def highest_price(prices: PriceBook, model: Model, given: Mapping[str, Any]) -> HighestPrice:
    """The most that this input can cost, be it finished or not."""
    asked = {name: value for name, value in given.items() if value is not None}
    try:
        normalise(model, asked)
        wrong: frozenset[str] = frozenset()
    except InvalidInput as error:
        wrong = frozenset(str(problem["loc"][1]) for problem in error.problems)
    if wrong & PRICED_FIELDS:
        return HighestPrice(None, wrong & PRICED_FIELDS)
    readable = {name: value for name, value in asked.items() if name not in wrong}
    return HighestPrice(prices.quote(model, readable).reserved_micros)


def price_words(price: HighestPrice, left_usd: str | None) -> dict[str, Any]:
    """What the page shows: the price, what is left of the budgets, and whether that is enough."""
    if price.wrong:
        shown = f"price not known: look at {' and '.join(sorted(price.wrong))}"
    elif price.micros is None:
        shown = "price not known for this model"
    else:
        shown = f"at most {usd_words(usd_or_none(price.micros))}"
    left_micros = None if left_usd is None else Decimal(left_usd) * MICROS_PER_USD
    return {
        "price": shown,
        "at_most_usd": usd_or_none(price.micros),
        "left": "no budget set" if left_usd is None else f"{usd_words(left_usd)} of the budget left",
        "left_usd": left_usd,
        "is_too_much": None not in (left_micros, price.micros) and (price.micros or 0) > (left_micros or 0),
    }
