"""What is shown of an input: all of a usual one, and little of one that was made to be large."""

import orjson
import pytest

from app.console.job_input import (
    LINE_CHARACTERS,
    MORE,
    MOST_CHARACTERS,
    MOST_MEMBERS,
    NO_INPUT,
    Fact,
    ShownInput,
    input_of,
    shortened,
)


def shown(given: object) -> ShownInput:
    return input_of(orjson.Fragment(orjson.dumps(given)))


def test_a_usual_one_is_shown_whole() -> None:
    given = {"prompt": "a fox", "image_size": {"width": 512}, "style": "calm", "seed": None}
    found = shown(given)
    assert orjson.loads(found.text) == given
    assert not found.is_cut
    assert found.facts == [
        Fact("image_size", '{"width":512}', is_words=False),
        Fact("style", "calm", is_words=True),
        Fact("seed", "null", is_words=False),
    ]


@pytest.mark.parametrize("given", [{}, [], "x", None])
def test_what_is_no_object_is_not_shown(given: object) -> None:
    assert shown(given) == NO_INPUT


@pytest.mark.parametrize(
    "given",
    [
        {"long": [7] * 50_000},
        {str(number): number for number in range(20_000)},
        {"words": "x" * 250_000},
        {"a": {"b": {"c": {"d": {"e": {"f": {"g": [7] * 9_000}}}}}}},
    ],
    ids=["list", "names", "words", "deep"],
)
def test_a_large_one_is_cut(given: dict[str, object]) -> None:
    found = shown(given)
    assert found.is_cut
    assert len(found.text) <= MOST_CHARACTERS
    assert len(found.facts) <= MOST_MEMBERS + 1
    assert all(len(fact.text) <= LINE_CHARACTERS + len(MORE) for fact in found.facts)


def test_what_is_left_out_is_counted() -> None:
    assert shortened([0] * (MOST_MEMBERS + 3)) == [*[0] * MOST_MEMBERS, f"{MORE} 3 more"]
    assert shortened([[[[[[[1]]]]]]]) == [[[[[[[MORE]]]]]]]
    assert shortened([[[[[[[]]]]]]]) == [[[[[[[]]]]]]]
