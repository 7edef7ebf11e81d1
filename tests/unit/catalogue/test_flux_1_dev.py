"""The main model, field by field: what is accepted, what goes upstream, and what is refused how."""

from typing import Any

import pytest

from app.catalogue.lookup import Catalogue
from app.catalogue.normalise import normalise
from app.errors import InvalidInput

DEV = Catalogue(allow_unlisted=False).find("fal-ai/flux-1/dev")
NAMES = ("square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9")
ABSENT = object()


def sent_upstream(field: str, value: object) -> object:
    """What goes upstream for this one field beside a prompt."""
    result = normalise(DEV, {"prompt": "a cat", field: value})
    assert result["prompt"] == ("a cat" if field != "prompt" else value)
    assert result.keys() <= {"prompt", field}
    return result.get(field, ABSENT)


def problems_of(given: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(InvalidInput) as refusal:
        normalise(DEV, given)
    return refusal.value.problems


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("prompt", prompt) for prompt in ("x", " ", "x" * 50_000, "\u202e\u200b\x7f\x01\U0001f600")),
        *(("image_size", name) for name in NAMES),
        ("image_size", {"width": 1, "height": 14142}),
        ("image_size", {"height": 512, "width": 768, "unknown": [None]}),
        ("image_size", {"width": 640}),
        ("image_size", {}),
        ("num_inference_steps", 1),
        ("num_inference_steps", 50),
        ("guidance_scale", 1),
        ("guidance_scale", 3.5),
        ("guidance_scale", 20.0),
        ("num_images", 1),
        ("num_images", 4),
        ("enable_safety_checker", True),
        ("enable_safety_checker", False),
        ("output_format", "jpeg"),
        ("output_format", "png"),
        ("acceleration", "none"),
        ("acceleration", "regular"),
        ("acceleration", "high"),
        ("seed", 0),
        ("seed", -1),
        ("seed", 196619188014358660),
        ("seed", 2**63 - 1),
        ("seed", -(2**63)),
        ("sync_mode", True),
        ("sync_mode", False),
    ],
)
def test_what_the_upstream_accepts_goes_there_as_it_is(field: str, value: object) -> None:
    assert sent_upstream(field, value) == value


@pytest.mark.parametrize(
    ("field", "value", "upstream"),
    [
        ("image_size", "3:4", "portrait_4_3"),
        ("image_size", "4:3", "landscape_4_3"),
        ("image_size", "16:9", "landscape_16_9"),
        ("image_size", "9:16", "portrait_16_9"),
        ("output_format", "JPEG", "jpeg"),
        ("output_format", "Jpeg", "jpeg"),
        ("output_format", "PNG", "png"),
        ("output_format", "default", ABSENT),
        ("output_format", "Default", ABSENT),
        ("acceleration", "default", ABSENT),
        ("num_inference_steps", 0, ABSENT),
    ],
)
def test_the_words_of_the_page_become_those_of_fal(field: str, value: object, upstream: object) -> None:
    assert sent_upstream(field, value) == upstream


@pytest.mark.parametrize(
    "field",
    [
        "image_size",
        "num_inference_steps",
        "guidance_scale",
        "num_images",
        "enable_safety_checker",
        "output_format",
        "acceleration",
        "seed",
        "sync_mode",
    ],
)
def test_null_for_what_may_be_left_out_is_left_out(field: str) -> None:
    assert sent_upstream(field, None) is ABSENT


INTEGERS = ("num_inference_steps", "num_images", "seed")
BOOLEANS = ("enable_safety_checker", "sync_mode")
NOT_STRINGS: tuple[object, ...] = (None, 1, True, ["x"], {"x": 1})
NOT_INTEGERS: tuple[object, ...] = (True, False, "2", 2.0, [2], {})
NOT_BOOLEANS: tuple[object, ...] = (1, 0, "true", 1.0, [], {})
NOT_NUMBERS: tuple[object, ...] = (True, "3.5", [3.5], {})
NOT_SIZES: tuple[object, ...] = ("1:1", "Square", "", "__proto__", 5, True, [])
NOT_FORMATS: tuple[object, ...] = ("jpg", "webp", "", 1, True, ["png"], {})
NOT_ACCELERATIONS: tuple[object, ...] = ("High", "fast", "", 1, True, ["none"], {})


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("prompt", "", "string_too_short"),
        ("prompt", "x" * 50_001, "string_too_long"),
        *(("prompt", value, "string_type") for value in NOT_STRINGS),
        *((field, value, "int_type") for field in INTEGERS for value in NOT_INTEGERS),
        *((field, value, "bool_type") for field in BOOLEANS for value in NOT_BOOLEANS),
        *(("guidance_scale", value, "float_type") for value in NOT_NUMBERS),
        ("num_inference_steps", -1, "greater_than_equal"),
        ("num_inference_steps", 51, "less_than_equal"),
        ("num_images", 0, "greater_than_equal"),
        ("num_images", -1, "greater_than_equal"),
        ("num_images", 5, "less_than_equal"),
        ("num_images", 2147483648, "less_than_equal"),
        ("guidance_scale", 0.99, "greater_than_equal"),
        ("guidance_scale", -0.0, "greater_than_equal"),
        ("guidance_scale", 20.01, "less_than_equal"),
        ("guidance_scale", 1e308, "less_than_equal"),
        ("guidance_scale", 2**64 - 1, "less_than_equal"),
        ("guidance_scale", float("nan"), "finite_number"),
        ("seed", 2**63, "less_than_equal"),
        ("seed", 2**64 - 1, "less_than_equal"),
        ("seed", -(2**63) - 1, "greater_than_equal"),
        *(("image_size", value, "literal_error") for value in NOT_SIZES),
        *(("output_format", value, "literal_error") for value in NOT_FORMATS),
        *(("acceleration", value, "literal_error") for value in NOT_ACCELERATIONS),
    ],
)
def test_a_wrong_value_is_one_problem_at_its_field(field: str, value: object, kind: str) -> None:
    (problem,) = problems_of({"prompt": "a cat", field: value})
    assert (problem["loc"], problem["type"]) == (["body", field], kind)
    assert problem["msg"]
    assert problem["url"].startswith("https://errors.pydantic.dev/")
    assert problem["url"].endswith(kind)


@pytest.mark.parametrize(
    ("size", "side", "kind"),
    [
        ({"width": 0, "height": 9}, "width", "greater_than"),
        ({"width": 9, "height": -1}, "height", "greater_than"),
        ({"width": 14143, "height": 9}, "width", "less_than_equal"),
        ({"width": True, "height": 9}, "width", "int_type"),
        ({"width": 9, "height": "9"}, "height", "int_type"),
        ({"width": 9.0}, "width", "int_type"),
        ({"width": None}, "width", "int_type"),
    ],
)
def test_a_wrong_side_is_one_problem_at_that_side(size: dict[str, Any], side: str, kind: str) -> None:
    (problem,) = problems_of({"prompt": "a cat", "image_size": size})
    assert (problem["loc"], problem["type"]) == (["body", "image_size", side], kind)


def test_all_wrong_fields_are_named_at_once() -> None:
    problems = problems_of({"num_images": 9, "seed": "x", "image_size": {"width": 0, "height": 0}})
    assert [problem["loc"][1:] for problem in problems] == [
        ["prompt"],
        ["image_size", "width"],
        ["image_size", "height"],
        ["num_images"],
        ["seed"],
    ]
    assert problems[0]["type"] == "missing"


def test_a_wrong_format_is_shown_as_it_was_sent() -> None:
    (problem,) = problems_of({"prompt": "a cat", "output_format": "GIF"})
    assert problem["input"] == "GIF"
