"""What a request can cost at most."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.prices import LARGEST_MEGAPIXELS, PriceBook, PriceRule, Quote
from app.catalogue.lookup import Catalogue
from app.catalogue.model import Model
from app.catalogue.sizes import SIDE_LIMIT, picture_size

CATALOGUE = Catalogue(allow_unlisted=True)
DEV = "fal-ai/flux-1/dev"
IMAGE_TO_IMAGE = "fal-ai/flux-1/dev/image-to-image"
REDUX = "fal-ai/flux-1/dev/redux"
ULTRA = "fal-ai/flux-pro/v1.1-ultra"
KONTEXT = "fal-ai/flux-pro/kontext"
UNLISTED = "fal-ai/something-new"

PER_MEGAPIXEL = PriceRule("*", "megapixel", 25_000)
ROUNDED_UP = PriceRule("*", "megapixel", 25_000, rounding="up")
PER_IMAGE = PriceRule("*", "image", 40_000)
PER_UNIT = PriceRule("*", "unit", 1_000, largest=Decimal("12.5"))

sides = st.integers(min_value=1, max_value=SIDE_LIMIT)
sizes = st.sampled_from(["square_hd", "portrait_16_9", "4:3"]) | st.fixed_dictionaries(
    {"width": sides, "height": sides}
)
images_numbers = st.integers(min_value=1, max_value=4)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["width", "height"]), inner),
    max_leaves=4,
)


def quote(rule: PriceRule, model_id: str, **fields: Any) -> Quote:
    return PriceBook(7, (rule,)).quote(CATALOGUE.find(model_id), {"prompt": "a cat", **fields})


@pytest.mark.parametrize(
    ("rule", "model_id", "fields", "reserved_micros"),
    [
        # 786,432 pixels where nothing is said.
        (PER_MEGAPIXEL, DEV, {}, 19_661),
        (PER_MEGAPIXEL, DEV, {"image_size": "square_hd"}, 26_214),
        (PER_MEGAPIXEL, DEV, {"image_size": "square_hd", "num_images": 4}, 104_858),
        (PER_MEGAPIXEL, DEV, {"image_size": {"width": 1000, "height": 1000}}, 25_000),
        (PER_MEGAPIXEL, DEV, {"image_size": {"width": 640}}, 8_192),
        (PER_MEGAPIXEL, DEV, {"image_size": {}}, 6_554),
        (PER_MEGAPIXEL, DEV, {"image_size": {"width": SIDE_LIMIT, "height": SIDE_LIMIT}}, 4_999_904),
        (PER_MEGAPIXEL, REDUX, {"image_size": "square"}, 6_554),
        # Each picture is rounded, not their sum: 1.05 becomes 2, four times.
        (ROUNDED_UP, DEV, {}, 25_000),
        (ROUNDED_UP, DEV, {"image_size": "square_hd"}, 50_000),
        (ROUNDED_UP, DEV, {"image_size": "square_hd", "num_images": 4}, 200_000),
        (ROUNDED_UP, DEV, {"image_size": {"width": 1000, "height": 2000}}, 50_000),
        # The size comes with the picture that is given, or follows a ratio.
        (PER_MEGAPIXEL, IMAGE_TO_IMAGE, {}, 100_000),
        (PER_MEGAPIXEL, IMAGE_TO_IMAGE, {"num_images": 3}, 300_000),
        (PER_MEGAPIXEL, ULTRA, {"aspect_ratio": "1:1"}, 100_000),
        (PriceRule("*", "megapixel", 25_000, largest=Decimal("2.25")), KONTEXT, {}, 56_250),
        (PriceRule("*", "megapixel", 25_000, "up", largest=Decimal("2.25")), KONTEXT, {}, 75_000),
        # A field that the model does not know passes through and says nothing about the price.
        (PER_MEGAPIXEL, ULTRA, {"image_size": {"width": 1, "height": 1}}, 100_000),
        # Where the size is known, `largest` is not asked.
        (PriceRule("*", "megapixel", 25_000, largest=9), DEV, {"image_size": "square_hd"}, 26_214),
        (PER_IMAGE, DEV, {}, 40_000),
        (PER_IMAGE, ULTRA, {"num_images": 4}, 160_000),
        (PER_UNIT, DEV, {}, 12_500),
        (PER_UNIT, DEV, {"num_images": 2}, 25_000),
        (PriceRule("*", "image", 0), DEV, {"num_images": 4}, 0),
        # Nobody has checked the input of a model that is not listed.
        (PER_MEGAPIXEL, UNLISTED, {}, 100_000),
        (PER_MEGAPIXEL, UNLISTED, {"num_images": 2}, 200_000),
        (PER_MEGAPIXEL, UNLISTED, {"num_images": None}, 100_000),
        (PER_MEGAPIXEL, UNLISTED, {"image_size": {"width": 1, "height": 1}}, 100_000),
        (PER_MEGAPIXEL, UNLISTED, {"image_size": {"width": 4000, "height": 4000}}, 400_000),
        (PER_MEGAPIXEL, UNLISTED, {"image_size": None}, 100_000),
        (PER_IMAGE, UNLISTED, {"num_images": 1000}, 40_000_000),
    ],
)
def test_the_highest_price_is_reserved(
    rule: PriceRule, model_id: str, fields: dict[str, Any], reserved_micros: int
) -> None:
    given = quote(rule, model_id, **fields)
    assert given == Quote(
        version=7,
        basis=rule.basis,
        unit_micros=rule.micros,
        reserved_micros=reserved_micros,
        images=fields.get("num_images") or 1,
    )


@pytest.mark.parametrize(
    ("rule", "basis"),
    [
        (PER_MEGAPIXEL, "megapixel"),
        (ROUNDED_UP, "megapixel_up"),
        (PER_IMAGE, "image"),
        (PER_UNIT, "unit"),
    ],
)
def test_the_basis_says_what_is_counted(rule: PriceRule, basis: str) -> None:
    assert quote(rule, DEV).basis == basis


def test_the_default_bound_is_that_of_the_largest_listed_model() -> None:
    assert LARGEST_MEGAPIXELS == 4


@pytest.mark.parametrize("num_images", [1, 3])
def test_a_model_without_a_rule_has_no_price_and_above_all_not_zero(num_images: int) -> None:
    book = PriceBook(7, (PriceRule("fal-ai/flux/*", "image", 1),))
    given = book.quote(CATALOGUE.find(DEV), {"num_images": num_images})
    assert given == Quote(None, None, None, None, num_images)


@pytest.mark.parametrize("num_images", [0, -1, 1001, 2**31, 10**30, True, 2.0, "4", [], {}])
def test_an_unreadable_number_of_pictures_has_no_price(num_images: object) -> None:
    assert quote(PER_IMAGE, UNLISTED, num_images=num_images) == Quote(None, None, None, None, 1)


@pytest.mark.parametrize(
    "size",
    [["large"], "huge", {"width": "4000", "height": "4000"}, {"width": 4000.0}, {"width": 20_000}, 0, False],
)
def test_an_unreadable_size_of_a_model_that_is_not_listed_has_no_price(size: object) -> None:
    assert quote(PER_MEGAPIXEL, UNLISTED, image_size=size).reserved_micros is None


@pytest.mark.parametrize(
    ("patterns", "model_id", "found"),
    [
        (["fal-ai/flux-1/dev", "*"], "fal-ai/flux-1/dev", 0),
        (["fal-ai/flux-1/dev", "*"], "fal-ai/flux-1/dev/redux", 1),
        (["*/redux", "fal-ai/flux-1/*"], "fal-ai/flux-1/dev/redux", 0),
        (["fal-ai/flux-1/*", "*/redux"], "fal-ai/flux-1/dev/redux", 0),
        (["fal-ai/flux-?/dev"], "fal-ai/flux-1/dev", 0),
        (["fal-ai/flux-[12]/dev"], "fal-ai/flux-1/dev", 0),
        (["fal-ai/flux-[!1]/dev"], "fal-ai/flux-1/dev", None),
        (["FAL-AI/*"], "fal-ai/flux-1/dev", None),
        (["flux-1/dev", "fal-ai/flux-1"], "fal-ai/flux-1/dev", None),
        (["fal-ai/flux-1.dev"], "fal-ai/flux-1/dev", None),
        ([], "fal-ai/flux-1/dev", None),
    ],
)
def test_the_first_pattern_that_fits_decides(patterns: list[str], model_id: str, found: int | None) -> None:
    rules = tuple(PriceRule(pattern, "image", micros) for micros, pattern in enumerate(patterns))
    assert PriceBook(1, rules).rule_for(model_id) == (None if found is None else rules[found])


def test_a_price_per_unit_without_a_bound_cannot_be_reserved() -> None:
    with pytest.raises(ValueError, match="largest"):
        PriceRule("*", "unit", 1)


@pytest.mark.parametrize("model", CATALOGUE.listed(), ids=lambda model: model.id)
@pytest.mark.parametrize(
    "rule", [PER_MEGAPIXEL, ROUNDED_UP, PER_IMAGE, PER_UNIT], ids=lambda rule: rule.basis
)
def test_every_listed_model_can_be_priced(model: Model, rule: PriceRule) -> None:
    given = PriceBook(1, (rule,)).quote(model, {})
    assert given.images == 1
    assert (given.reserved_micros or 0) > 0


@given(size=sizes, images=images_numbers, micros=st.integers(min_value=1, max_value=10**10))
def test_more_is_never_cheaper(size: str | dict[str, int], images: int, micros: int) -> None:
    exact = quote(PriceRule("*", "megapixel", micros), DEV, image_size=size, num_images=images)
    rounded = quote(PriceRule("*", "megapixel", micros, "up"), DEV, image_size=size, num_images=images)
    one = quote(PriceRule("*", "megapixel", micros), DEV, image_size=size)
    assert (one.reserved_micros or 0) <= (exact.reserved_micros or 0) <= (rounded.reserved_micros or 0)
    width, height = picture_size(size)
    difference = 1_000_000 * (exact.reserved_micros or 0) - width * height * images * micros
    assert -500_000 < difference <= 500_000


@given(st.dictionaries(st.sampled_from(["num_images", "image_size", "prompt"]), anything))
def test_no_unchecked_input_breaks_a_quote(given_input: dict[str, Any]) -> None:
    given_quote = PriceBook(1, (PER_MEGAPIXEL,)).quote(CATALOGUE.find(UNLISTED), given_input)
    assert given_quote.reserved_micros is None or given_quote.reserved_micros >= 100_000
