"""Amounts: what is read is what is written, to the last micro-dollar."""

from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.money import parse_usd, price_of, read_usd, usd, usd_or_none

EXACT = Context(prec=80)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.000000"),
        (1, "0.000001"),
        (25_000, "0.025000"),
        (999_999, "0.999999"),
        (1_000_000, "1.000000"),
        (-1, "-0.000001"),
        (-1_500_000, "-1.500000"),
        (10**15, "1000000000.000000"),
        (2**63 - 1, "9223372036854.775807"),
    ],
)
def test_an_amount_has_six_places(micros: int, text: str) -> None:
    assert usd(micros) == text
    assert usd_or_none(micros) == text


def test_an_unknown_amount_is_no_amount() -> None:
    assert usd_or_none(None) is None


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("0.0", 0),
        ("0.025", 25_000),
        ("0.1", 100_000),
        ("0.000001", 1),
        ("12", 12_000_000),
        ("12.345678", 12_345_678),
        ("1000000000", 10**15),
        ("1000000000.000000", 10**15),
    ],
)
def test_a_plain_amount_is_read(text: str, micros: int) -> None:
    assert parse_usd(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-1",
        "+1",
        "-0",
        "1 ",
        " 1",
        "1\n",
        ".5",
        "5.",
        "1,5",
        "1.0000000",
        "0.0000001",
        "1e3",
        "1E-3",
        "NaN",
        "nan",
        "inf",
        "Infinity",
        "0x10",
        "1_000",
        "1.2.3",
        "$1",
        "1 USD",
        "01",
        "٣",
        "²",
        "1000000000.000001",
        "9999999999",
        "9" * 5000,
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="USD") as refusal:
        parse_usd(text)
    assert len(str(refusal.value)) < 200


@given(st.integers(min_value=0, max_value=10**15))
def test_what_is_written_is_read_again(micros: int) -> None:
    assert parse_usd(usd(micros)) == micros


@given(st.text(max_size=20))
def test_no_text_is_read_as_something_else(text: str) -> None:
    try:
        micros = parse_usd(text)
    except ValueError:
        return
    assert Decimal(text) * 1_000_000 == micros


@pytest.mark.parametrize(
    ("units", "unit_micros", "micros"),
    [
        (1, 25_000, 25_000),
        (0, 25_000, 0),
        (3, 0, 0),
        (Decimal("1.048576"), 25_000, 26_214),  # 26214.4
        (Decimal("4.194304"), 25_000, 104_858),  # 104857.6
        (Decimal("0.5"), 1, 1),  # half a micro-dollar is rounded up
        (Decimal("0.49999999"), 1, 0),
        (Decimal("1.5"), 1, 2),
        (Decimal("2.5"), 1, 3),
        (Decimal("1E-99"), 10**10, 0),
    ],
)
def test_a_price_is_rounded_half_up(units: Decimal | int, unit_micros: int, micros: int) -> None:
    assert price_of(units, unit_micros) == micros


@given(
    st.decimals(min_value=0, max_value=10**6, allow_nan=False, places=12),
    st.integers(min_value=0, max_value=10**10),
)
def test_a_price_is_what_exact_arithmetic_says(units: Decimal, unit_micros: int) -> None:
    exact = EXACT.multiply(units, Decimal(unit_micros))
    assert price_of(units, unit_micros) == exact.to_integral_value(ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("written", "micros"), [("12.50", 12_500_000), (5, 5_000_000), (0, 0), (0.1, 100_000), (3.0, 3_000_000)]
)
def test_an_amount_in_json_may_be_a_number(written: object, micros: int) -> None:
    assert read_usd(written) == micros


@pytest.mark.parametrize("written", [True, None, [], {}, -1, 1e-7, 1e300, float("nan")], ids=repr)
def test_what_is_no_amount_in_json(written: object) -> None:
    with pytest.raises(ValueError, match="amount"):
        read_usd(written)
