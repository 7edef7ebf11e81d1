"""What is said of a price while a request is still being written."""

from typing import Any

import pytest

from app.billing.prices import PriceBook, PriceRule
from app.catalogue.lookup import Catalogue
from app.console.playground_price import HighestPrice, highest_price, price_words

DEV = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/dev")
BOOK = PriceBook(1, (PriceRule("fal-ai/flux-1/*", "megapixel", 25_000),))
NONE = PriceBook(1, ())


@pytest.mark.parametrize(
    ("given", "micros"),
    [
        ({"prompt": "a cat"}, 19_661),
        ({}, 19_661),  # a prompt that is still missing does not change the price
        ({"prompt": None, "num_images": 2}, 39_322),
        ({"image_size": {"width": 1000, "height": 1000}, "num_images": 4}, 100_000),
        ({"image_size": "16:9"}, 14_746),
        ({"num_inference_steps": 99}, 19_661),  # wrong, and no matter for the price
        ({"num_images": None, "unknown": [1]}, 19_661),
    ],
)
def test_the_price_follows_what_decides_it(given: dict[str, Any], micros: int) -> None:
    assert highest_price(BOOK, DEV, given) == HighestPrice(micros)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"num_images": 9}, {"num_images"}),
        ({"image_size": "enormous", "prompt": ""}, {"image_size"}),
        ({"image_size": {"width": 0}, "num_images": "two"}, {"image_size", "num_images"}),
    ],
)
def test_no_price_while_what_decides_it_is_wrong(given: dict[str, Any], wrong: set[str]) -> None:
    assert highest_price(BOOK, DEV, given) == HighestPrice(None, frozenset(wrong))


def test_an_unknown_price_is_never_shown_as_zero() -> None:
    unknown = highest_price(NONE, DEV, {"prompt": "a cat"})
    assert unknown == HighestPrice(None)
    words = price_words(unknown, "1.000000")
    assert (words["price"], words["at_most_usd"]) == ("price not known for this model", None)
    assert not words["is_too_much"]


@pytest.mark.parametrize(
    ("left", "shown", "is_too_much"),
    [
        (None, "no budget set", False),
        ("4.200000", "$4.20 of the budget left", False),
        ("0.025000", "$0.025 of the budget left", False),
        ("0.024999", "$0.024999 of the budget left", True),
        ("0.000000", "$0.00 of the budget left", True),
    ],
)
def test_the_price_is_laid_beside_what_is_left(left: str | None, shown: str, *, is_too_much: bool) -> None:
    words = price_words(HighestPrice(25_000), left)
    assert (words["price"], words["left"], words["is_too_much"]) == ("at most $0.025", shown, is_too_much)


def test_which_field_hides_the_price_is_said() -> None:
    words = price_words(HighestPrice(None, frozenset({"num_images", "image_size"})), None)
    assert words["price"] == "price not known: look at image_size and num_images"
