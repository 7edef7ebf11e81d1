"""What a price file may say, and what is said about one that is wrong."""

import json
import re
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.billing.price_file import (
    FILE_LIMIT_BYTES,
    RULES_LIMIT,
    parse_rules,
    problem_lines,
    rule_items,
    write_rules,
)
from app.billing.prices import PriceBook, PriceRule
from app.errors import InvalidInput
from tests.support.processes import ROOT

MAX_MULTI = "fal-ai/flux-pro/kontext/max/multi"
GOOD: dict[str, Any] = {"model": "fal-ai/flux/dev", "per": "megapixel", "usd": "0.025"}


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidInput) as refusal:
        parse_rules(text)
    return problem_lines(refusal.value)


def with_fields(**fields: Any) -> str:
    return json.dumps([GOOD | fields])


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000)),
        ({"model": "*"}, PriceRule("*", "megapixel", 25_000)),
        ({"model": "fal-ai/[a-c]?x/*"}, PriceRule("fal-ai/[a-c]?x/*", "megapixel", 25_000)),
        ({"rounding": "up"}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000, "up")),
        ({"rounding": "exact"}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000)),
        ({"largest": 4}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000, largest=4)),
        ({"largest": "2.25"}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000, largest=Decimal("2.25"))),
        ({"largest": None}, PriceRule("fal-ai/flux/dev", "megapixel", 25_000)),
        ({"per": "image", "usd": "0.04"}, PriceRule("fal-ai/flux/dev", "image", 40_000)),
        ({"per": "image", "rounding": "exact"}, PriceRule("fal-ai/flux/dev", "image", 25_000)),
        ({"per": "unit", "largest": 60}, PriceRule("fal-ai/flux/dev", "unit", 25_000, largest=60)),
        ({"usd": "0"}, PriceRule("fal-ai/flux/dev", "megapixel", 0)),
        ({"usd": "10000"}, PriceRule("fal-ai/flux/dev", "megapixel", 10**10)),
    ],
)
def test_a_rule_is_read(fields: dict[str, Any], rule: PriceRule) -> None:
    assert parse_rules(with_fields(**fields)) == (rule,)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"usd": 0.025}, "usd: write the price as text, in quotes"),
        ({"usd": 1}, "usd: write the price as text, in quotes"),
        ({"usd": True}, "usd: write the price as text, in quotes"),
        ({"usd": None}, "usd: write the price as text, in quotes"),
        ({"usd": ["0.025"]}, "usd: write the price as text, in quotes"),
        ({"usd": "-0.025"}, "usd: write an amount in USD such as 0.025"),
        ({"usd": "NaN"}, "usd: write an amount in USD such as 0.025"),
        ({"usd": "1e-3"}, "usd: write an amount in USD such as 0.025"),
        ({"usd": "0.0000001"}, "usd: write an amount in USD such as 0.025"),
        ({"usd": "0.025 "}, "usd: write an amount in USD such as 0.025"),
        ({"usd": "10000.000001"}, "usd: a price is at most 10000.000000 USD"),
        ({"usd": "99999999999"}, "usd: write an amount in USD"),
        ({"per": "second"}, "per: Input should be 'megapixel', 'image' or 'unit'"),
        ({"per": ["image"]}, "per: Input should be"),
        ({"model": ""}, "model: write a model id, or a pattern"),
        ({"model": "fal-ai/flux dev"}, "model: write a model id, or a pattern"),
        ({"model": "fal-ai/flux\n"}, "model: write a model id, or a pattern"),
        ({"model": "fal-ai/\u0000"}, "model: write a model id, or a pattern"),
        ({"model": "x" * 201}, "model: String should have at most 200 characters"),
        ({"model": 7}, "model: Input should be a valid string"),
        ({"rounding": "down"}, "rounding: Input should be 'exact' or 'up'"),
        ({"rounding": "up", "per": "image"}, "`rounding` is for prices per megapixel only"),
        ({"largest": 0}, "largest: write a whole number"),
        ({"largest": -1}, "largest: write a whole number"),
        ({"largest": 2.25}, "largest: write a whole number"),
        ({"largest": True}, "largest: write a whole number"),
        ({"largest": "NaN"}, "largest: write a whole number"),
        ({"largest": 10_001}, "largest: write a whole number"),
        ({"largest": 10**4000}, "largest: write a whole number"),
        ({"largest": 4, "per": "image"}, "`largest` means nothing for a price per image"),
        ({"per": "unit"}, "a price per unit needs `largest`"),
        ({"price": "0.025"}, "price: there is no such field"),
        ({"a\nb": 1}, '"a\\nb": there is no such field'),
        ({"\ud800": 1}, "rule 1: Input should be a valid string"),
    ],
    ids=repr,
)
def test_a_wrong_field_is_named_with_its_rule(fields: dict[str, Any], line: str) -> None:
    [found] = problems(with_fields(**fields))
    assert found.startswith("rule 1")
    assert line in found
    assert found.isprintable()
    assert len(found) < 250


def test_every_problem_is_told_in_the_order_of_the_rules() -> None:
    wrong = [GOOD | {"usd": 1}, GOOD, GOOD, {"model": "*", "per": "x"}, 7]
    assert [line.partition(": ")[0] for line in problems(json.dumps(wrong))] == [
        "rule 1, usd",
        "rule 3, model",
        "rule 4, per",
        "rule 4, usd",
        "rule 5",
    ]


def test_a_problem_has_a_place_for_programs() -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_rules(json.dumps([GOOD, GOOD | {"model": "b", "usd": 2}]))
    [problem] = refusal.value.problems
    assert problem["loc"] == [1, "usd"]
    assert (problem["type"], problem["input"]) == ("usd_text", "2")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "this is not JSON: Expecting value, at line 1, column 1"),
        ("[\n{]", "this is not JSON: Expecting property name enclosed in double quotes, at line 2, column 2"),
        ("- model: fal-ai/flux/dev\n  per: image\n  usd: '0.04'\n", "this is not JSON"),
        ("[] []", "this is not JSON: Extra data"),
        ("[NaN]", "NaN is not JSON"),
        ('[{"usd": -Infinity}]', "-Infinity is not JSON"),
        ("[]", "the list is empty"),
        ("{}", "the rules are a JSON list"),
        ("null", "the rules are a JSON list"),
        ('"[]"', "the rules are a JSON list"),
        ("[" * 200_000, "nests too deep"),
        ("[" + "9" * 5000 + "]", "a number that is too long"),
        ('[{"model": "a", "usd": "1", "usd": "2"}]', "an object has a field twice"),
        ("[" + " " * FILE_LIMIT_BYTES + "]", "more than 1000000 bytes"),
        ("[" + ",".join(["1"] * (RULES_LIMIT + 1)) + "]", "501 rules, at most 500"),
    ],
    ids=lambda value: value[:20],
)
def test_what_is_not_a_list_of_rules_is_one_problem(text: str, line: str) -> None:
    [found] = problems(text)
    assert line in found
    assert len(found) < 250


@pytest.mark.parametrize(
    ("earlier", "later", "never_counts"),
    [
        ("fal-ai/flux/dev", "fal-ai/flux/dev", True),
        ("fal-ai/*", "fal-ai/flux/dev", True),
        ("fal-ai/*", "fal-ai/flux/*", True),
        ("fal-ai/*", "fal-ai/*", True),
        ("*", "fal-ai/flux-?", True),
        ("fal-ai/[ab]", "fal-ai/[ab]", True),
        ("fal-ai/flux/*", "fal-ai/*", False),
        ("fal-ai/flux/dev", "fal-ai/flux/dev/redux", False),
        ("FAL-AI/*", "fal-ai/flux/dev", False),
        # One character is not any number of them, and a set is not its text.
        ("fal-ai/?", "fal-ai/*", False),
        ("x*a*c", "x[a-b]c", False),
        ("x[*]", "x*", False),
    ],
)
def test_a_rule_that_never_counts_is_refused(earlier: str, later: str, *, never_counts: bool) -> None:
    text = json.dumps([GOOD | {"model": earlier}, GOOD | {"model": later, "usd": "1"}])
    if never_counts:
        assert problems(text) == [f"rule 2, model: this rule never counts: rule 1, {earlier}, fits first"]
    else:
        assert len(parse_rules(text)) == 2


@given(
    st.text("ab/*?", min_size=1, max_size=6),
    st.text("ab/*?", min_size=1, max_size=6),
    st.text("ab/", max_size=6),
)
def test_a_refused_rule_would_really_never_count(earlier: str, later: str, model_id: str) -> None:
    rules = (PriceRule(earlier, "image", 1), PriceRule(later, "image", 2))
    try:
        parse_rules(write_rules(rules))
    except InvalidInput:
        found = PriceBook(1, rules).rule_for(model_id)
        assert found is None or found.micros == 1


def test_the_most_problems_are_not_all_told() -> None:
    assert len(problems(json.dumps([1] * RULES_LIMIT))) == 50


rules = st.builds(
    PriceRule,
    st.text("abc/*-", min_size=1, max_size=9),
    st.just("megapixel"),
    st.integers(min_value=0, max_value=10**10),
    st.sampled_from(["exact", "up"]),
    st.none() | st.decimals(min_value=1, max_value=10_000, places=6),
) | st.builds(
    PriceRule,
    st.text("abc/*-", min_size=1, max_size=9),
    st.just("unit"),
    st.integers(min_value=0, max_value=10**10),
    largest=st.integers(min_value=1, max_value=10_000),
)


@given(rules)
def test_what_is_written_is_read_again(rule: PriceRule) -> None:
    assert parse_rules(write_rules([rule])) == (rule,)


def test_what_is_written_says_nothing_that_holds_anyway() -> None:
    assert rule_items([PriceRule("a", "image", 40_000), PriceRule("*", "megapixel", 1, "up", 4)]) == [
        {"model": "a", "per": "image", "usd": "0.040000"},
        {"model": "*", "per": "megapixel", "usd": "0.000001", "rounding": "up", "largest": "4"},
    ]


@given(st.text(max_size=60) | st.text('[]{}",:model"per0.1eN', max_size=60))
def test_no_text_is_a_fault(text: str) -> None:
    with suppress(InvalidInput):
        assert parse_rules(text)


def test_the_example_of_the_page_can_be_loaded() -> None:
    page = (ROOT / "docs/prices.md").read_text()
    [example] = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    book = PriceBook(1, parse_rules(example))
    found = {model_id: book.rule_for(model_id) for model_id in ("fal-ai/flux-1/dev", MAX_MULTI)}
    assert {model_id: rule and rule.micros for model_id, rule in found.items()} == {
        "fal-ai/flux-1/dev": 25_000,
        MAX_MULTI: 80_000,
    }
