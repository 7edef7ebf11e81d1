"""What a job costs once it has ended."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.prices import PriceBook, PriceRule
from app.billing.settlement import JobPrice, Settlement, charge_reserved, release, settle
from app.catalogue.lookup import Catalogue
from app.catalogue.sizes import SIDE_LIMIT, picture_size
from app.upstream.answers import ModelAnswer

MEGAPIXEL = JobPrice("megapixel", 25_000, 200_000, 4)
ROUNDED_UP = JobPrice("megapixel_up", 25_000, 200_000, 4)
IMAGE = JobPrice("image", 40_000, 160_000, 4)
UNIT = JobPrice("unit", 1_000, 50_000, 4)
UNKNOWN = JobPrice(None, None, None, 4)
RESERVED = 200_000

HD = {"url": "https://example.com/1.png", "width": 1024, "height": 1024}
SMALL = {"width": 512, "height": 512}
FAILURE = {"detail": "the model broke", "error_type": "internal"}

sides = st.integers(min_value=1, max_value=SIDE_LIMIT)


def answer(body: Any, *, status: int = 200, units: str | None = None) -> ModelAnswer:
    headers = {"content-type": "application/json"}
    if units is not None:
        headers["x-fal-billable-units"] = units
    return ModelAnswer(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("price", "body", "spent_micros", "images"),
    [
        (MEGAPIXEL, {"images": [HD]}, 26_214, 1),
        (MEGAPIXEL, {"images": [HD] * 4}, 104_858, 4),
        (MEGAPIXEL, {"images": [HD, SMALL]}, 32_768, 2),
        (MEGAPIXEL, {"image": SMALL}, 6_554, 1),
        (MEGAPIXEL, {"images": []}, 0, 0),
        (ROUNDED_UP, {"images": [HD]}, 50_000, 1),
        (ROUNDED_UP, {"images": [SMALL] * 3}, 75_000, 3),
        (IMAGE, {"images": [HD]}, 40_000, 1),
        (IMAGE, {"images": [{"url": "x"}] * 3}, 120_000, 3),
        (IMAGE, {"image": {"url": "x"}}, 40_000, 1),
        (IMAGE, {"images": []}, 0, 0),
        (JobPrice("image", 0, 0, 1), {"images": [HD]}, 0, 1),
    ],
)
def test_what_was_made_is_charged(price: JobPrice, body: Any, spent_micros: int, images: int) -> None:
    assert settle(price, answer(body)) == Settlement("charge", spent_micros, images)


@pytest.mark.parametrize(
    ("body", "images"),
    [
        (b"", 0),
        (b"not JSON", 0),
        (b"\xff\xfe", 0),
        (b"[" * 100_000, 0),
        ([], 0),
        ({}, 0),
        ({"images": None}, 0),
        ({"images": {"0": HD}}, 0),
        ({"image": "https://example.com/1.png"}, 0),
        ({"video": {"url": "x"}}, 0),
        ({"images": [{"url": "x"}]}, 1),
        ({"images": [HD, {"width": None, "height": None}]}, 2),
        ({"images": [HD, None]}, 2),
        ({"images": ["https://example.com/1.png"]}, 1),
        ({"images": [{"width": "1024", "height": "1024"}]}, 1),
        ({"images": [{"width": 1024.5, "height": 1024}]}, 1),
        ({"images": [{"width": True, "height": True}]}, 1),
        ({"images": [{"width": 0, "height": 1024}]}, 1),
        ({"images": [{"width": -1024, "height": -1024}]}, 1),
        ({"images": [{"width": 2**62, "height": 2**62}]}, 1),
        ({"images": [{"width": 10**30, "height": 1}]}, 1),
        ({"images": [{"width": 100_000, "height": 100_000}] * 101}, 101),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_measured_is_charged_as_reserved(body: Any, images: int) -> None:
    assert settle(MEGAPIXEL, answer(body)) == Settlement("charge", RESERVED, images)


@pytest.mark.parametrize(
    ("price", "spent_micros"),
    [(IMAGE, 160_000), (UNIT, 50_000), (JobPrice("a later one", 1, 9, 1), 9)],
    ids=lambda value: str(value)[:20],
)
def test_a_basis_that_the_body_does_not_tell_is_charged_as_reserved(
    price: JobPrice, spent_micros: int
) -> None:
    assert settle(price, answer({"seed": 1})).spent_micros == spent_micros


def test_units_of_a_price_per_unit_come_from_the_upstream_alone() -> None:
    assert settle(UNIT, answer({"images": [HD]})).spent_micros == 50_000
    assert settle(UNIT, answer({"images": [HD]}, units="3")).spent_micros == 3_000


@pytest.mark.parametrize("price", [MEGAPIXEL, IMAGE])
def test_a_body_never_costs_more_than_was_reserved(price: JobPrice) -> None:
    made = settle(price, answer({"images": [HD] * 40}))
    assert made == Settlement("charge", price.reserved_micros, 40)


@pytest.mark.parametrize(
    ("price", "units", "spent_micros"),
    [
        (MEGAPIXEL, "1.048576", 26_214),
        (MEGAPIXEL, "4.194304", 104_858),
        (MEGAPIXEL, "2", 50_000),
        (MEGAPIXEL, " 2 ", 50_000),
        (MEGAPIXEL, "2.0", 50_000),
        (MEGAPIXEL, "5e-05", 1),
        (MEGAPIXEL, "0", 0),
        (MEGAPIXEL, "0.00", 0),
        (MEGAPIXEL, "1e-99", 0),
        # The truth first: the upstream's count may pass the reservation.
        (MEGAPIXEL, "9", 225_000),
        (MEGAPIXEL, "1000000", 25_000_000_000),
        # Units are megapixels as they are billed, so they are not rounded once more.
        (ROUNDED_UP, "1.5", 37_500),
        (IMAGE, "3", 120_000),
        (UNIT, "12.5", 12_500),
    ],
)
def test_the_upstreams_units_go_first(price: JobPrice, units: str, spent_micros: int) -> None:
    assert settle(price, answer({"images": [HD]}, units=units)) == Settlement("charge", spent_micros, 1)


@pytest.mark.parametrize(
    "units",
    [
        "",
        " ",
        "-1",
        "+1",
        "-0",
        "NaN",
        "sNaN",
        "inf",
        "-Infinity",
        "1e400",
        "1e99",
        "9" * 31,
        "9" * 1024,
        "1000001",
        "one",
        "1,5",
        "1.5.5",
        ".5",
        "1.",
        "1_000",
        "0x10",
        "٣",
        "1 2",
        "2, 2",
        "1\x00",
    ],
)
def test_units_that_cannot_be_are_ignored(units: str) -> None:
    assert settle(MEGAPIXEL, answer({"images": [HD]}, units=units)).spent_micros == 26_214
    assert settle(MEGAPIXEL, answer(FAILURE, status=422, units=units)) == release()


@pytest.mark.parametrize("status", [400, 404, 413, 422, 499])
def test_a_refusal_costs_only_what_was_billed(status: int) -> None:
    assert settle(MEGAPIXEL, answer(FAILURE, status=status)) == release()
    assert settle(MEGAPIXEL, answer(FAILURE, status=status, units="0")) == release()
    billed = settle(MEGAPIXEL, answer(FAILURE, status=status, units="1.5"))
    assert billed == Settlement("charge", 37_500, 0)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_failure_of_the_upstream_costs_nothing_whatever_it_says(status: int) -> None:
    assert settle(MEGAPIXEL, answer({"images": [HD]}, status=status, units="5")) == release()


def test_an_unknown_price_stays_unknown() -> None:
    assert settle(UNKNOWN, answer({"images": [HD] * 2})) == Settlement("charge", None, 2)
    assert settle(UNKNOWN, answer({"images": [HD]}, units="1")) == Settlement("charge", None, 1)
    assert settle(UNKNOWN, answer(FAILURE, status=422, units="1")) == Settlement("charge", None, 0)
    assert settle(UNKNOWN, answer(FAILURE, status=422)) == release()
    assert settle(UNKNOWN, answer(FAILURE, status=500)) == release()
    assert charge_reserved(UNKNOWN) == Settlement("charge", None, 0)


def test_a_job_whose_end_nobody_knows_costs_what_was_reserved() -> None:
    assert charge_reserved(MEGAPIXEL) == Settlement("charge", RESERVED, 0)
    assert release() == Settlement("release", 0, 0)


def test_so_many_images_fit_where_they_are_stored() -> None:
    assert settle(IMAGE, answer({"images": [1] * 70_000})).images == 2**15 - 1


@given(
    rule=st.sampled_from(
        [
            PriceRule("*", "megapixel", 25_000),
            PriceRule("*", "megapixel", 3_333, "up"),
            PriceRule("*", "image", 40_001),
        ]
    ),
    size=st.sampled_from(["square_hd", "portrait_16_9", "4:3"])
    | st.fixed_dictionaries({"width": sides, "height": sides}),
    asked=st.integers(min_value=1, max_value=4),
    made=st.integers(min_value=0, max_value=4),
    smaller=st.integers(min_value=0, max_value=50),
)
def test_what_was_asked_for_costs_what_was_reserved_and_less_costs_no_more(
    rule: PriceRule, size: str | dict[str, int], asked: int, made: int, smaller: int
) -> None:
    model = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/dev")
    quote = PriceBook(1, (rule,)).quote(model, {"image_size": size, "num_images": asked})
    price = JobPrice(quote.basis, quote.unit_micros, quote.reserved_micros, quote.images)
    assert quote.reserved_micros is not None
    width, height = picture_size(size)

    whole = settle(price, answer({"images": [{"width": width, "height": height}] * asked}))
    assert whole == Settlement("charge", quote.reserved_micros, asked)

    # The body's own bound is lifted, so that the arithmetic has to keep within the reservation by itself.
    unbound = JobPrice(price.basis, price.unit_micros, 10**18, price.images_asked)
    picture = {"width": max(1, width - smaller), "height": max(1, height - smaller)}
    part = settle(unbound, answer({"images": [picture] * min(made, asked)}))
    assert part.spent_micros is not None
    assert 0 <= part.spent_micros <= quote.reserved_micros


@given(
    price=st.sampled_from([MEGAPIXEL, ROUNDED_UP, IMAGE, UNIT, UNKNOWN]),
    status=st.integers(min_value=100, max_value=599),
    units=st.none() | st.text(max_size=40) | st.decimals().map(str) | st.floats().map(str),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["images", "image", "width", "height"]), inner)
        ),
        max_leaves=9,
    ).map(lambda value: json.dumps(value).encode()),
)
def test_no_answer_is_a_fault(price: JobPrice, status: int, units: str | None, body: bytes) -> None:
    ended = settle(price, answer(body, status=status, units=units))
    assert ended.kind in ("charge", "release")
    assert 0 <= ended.images < 2**15
    if ended.kind == "charge":
        assert (ended.spent_micros is None) == (price is UNKNOWN)
    else:
        assert (ended.spent_micros, ended.images) == (0, 0)
    assert ended.spent_micros is None or 0 <= ended.spent_micros < 2**63
