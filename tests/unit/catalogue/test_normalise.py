"""What is true of every input: nothing is added, the unknown passes, and errors are small."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.lookup import Catalogue
from app.catalogue.normalise import normalise
from app.catalogue.problems import SHOWN_CHARACTERS, shorten
from app.errors import InvalidInput

DEV = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/dev")
UNLISTED = Catalogue(allow_unlisted=True).find("fal-ai/something-else")
MULTI = Catalogue(allow_unlisted=False).find("fal-ai/flux-pro/kontext/multi")

assert DEV.input is not None
KNOWN = frozenset(DEV.input.model_fields)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SOME_WORDS = st.sampled_from(["default", "JPEG", "png", "none", "4:3", "square"])


@given(
    st.dictionaries(st.text().filter(lambda name: name not in KNOWN), JSON),
    st.dictionaries(st.sampled_from(sorted(KNOWN)), JSON | SOME_WORDS | st.integers(0, 4)),
)
def test_nothing_is_added_and_the_unknown_passes(unknown: dict[str, Any], known: dict[str, Any]) -> None:
    asked = {"prompt": "a cat", **known, **unknown}
    before = json.dumps(asked)
    try:
        result = normalise(DEV, asked)
    except InvalidInput as refusal:
        json.dumps(refusal.problems)
        wrong = {(problem["loc"][0], problem["loc"][1]) for problem in refusal.problems}
        unexpected = wrong - {("body", name) for name in known}
    else:
        unexpected = set()
        assert result.keys() <= asked.keys()
        assert {name: result[name] for name in unknown} == unknown
        assert all(result[name] is not None for name in KNOWN & result.keys())
    assert not unexpected
    assert json.dumps(asked) == before


@pytest.mark.parametrize(
    "name", ["self", "model_config", "model_fields", "__class__", "__dict__", "__proto__"]
)
def test_an_unknown_field_may_have_any_name(name: str) -> None:
    asked = {"prompt": "a cat", name: {"constructor": None}}
    assert normalise(DEV, asked) == asked


def test_the_fields_keep_their_order() -> None:
    asked = {"seed": 1, "x": None, "prompt": "a cat", "num_images": 2}
    assert list(normalise(DEV, asked)) == list(asked)


def test_an_unlisted_model_gets_what_was_sent() -> None:
    asked = {"num_images": "many", "prompt": None}
    assert normalise(UNLISTED, asked) == {"num_images": "many", "prompt": None}


@pytest.mark.parametrize("prompt", ["x" * 60_000, ["x" * 60_000], {"x": list(range(9999))}])
def test_what_was_sent_is_never_shown_whole(prompt: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        normalise(DEV, {"prompt": prompt})
    assert len(json.dumps(refusal.value.problems)) < 1000


def test_a_list_full_of_mistakes_is_not_answered_item_by_item() -> None:
    with pytest.raises(InvalidInput) as refusal:
        normalise(MULTI, {"prompt": "a cat", "image_urls": [1] * 90_000})
    assert len(refusal.value.problems) == 1


@pytest.mark.parametrize(
    "value", [None, True, 1.5, "short", ["a", 1], {"a": {"b": None}}, "x" * SHOWN_CHARACTERS]
)
def test_a_short_value_is_shown_as_it_is(value: object) -> None:
    assert shorten(value) == value


def test_a_long_value_is_shown_by_its_start() -> None:
    assert shorten("x" * 201) == "x" * 199 + "…"
    shown = shorten({"prompt": "é" * 300})
    assert isinstance(shown, str)
    assert shown.startswith('{"prompt": "éé')
    assert len(shown) == SHOWN_CHARACTERS
