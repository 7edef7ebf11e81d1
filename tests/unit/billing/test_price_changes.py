"""What an operator is told about a new version before it is loaded."""

from decimal import Decimal

import pytest

from app.billing.price_changes import change_lines, price_text
from app.billing.prices import PriceRule

DEV = PriceRule("fal-ai/flux/dev", "megapixel", 25_000)
DEARER = PriceRule("fal-ai/flux/dev", "megapixel", 30_000)
KONTEXT = PriceRule("fal-ai/flux-pro/kontext", "image", 40_000)
NOW = "0.025000 USD per megapixel"
MOVED = "the order of the rules changes; the first that fits a model decides"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ([DEV], [DEV], []),
        ([DEV, KONTEXT], [KONTEXT, DEV], [MOVED]),
        ([DEV], [DEARER], [f"~ fal-ai/flux/dev: 0.030000 USD per megapixel (until now {NOW})"]),
        ([], [DEV], [f"+ fal-ai/flux/dev: {NOW}"]),
        (
            [DEV],
            [KONTEXT],
            ["+ fal-ai/flux-pro/kontext: 0.040000 USD per image", f"- fal-ai/flux/dev: {NOW}"],
        ),
        ([DEV], [KONTEXT, DEV], ["+ fal-ai/flux-pro/kontext: 0.040000 USD per image"]),
    ],
)
def test_each_rule_that_differs_is_one_line(
    before: list[PriceRule], after: list[PriceRule], lines: list[str]
) -> None:
    assert change_lines(before, after) == lines


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (DEV, NOW),
        (PriceRule("*", "megapixel", 1, "up"), "0.000001 USD per megapixel, rounded up"),
        (PriceRule("*", "unit", 0, largest=Decimal("2.5")), "0.000000 USD per unit, at most 2.5"),
    ],
)
def test_a_price_reads_like_a_sentence(rule: PriceRule, text: str) -> None:
    assert price_text(rule) == text
