"""OpenAI's fields become those of the model, or one readable problem."""

from typing import Any

import pytest

from app.catalogue.lookup import Catalogue
from app.catalogue.normalise import normalise
from app.dialects.openai_request import DEFAULT_MODEL, ImagesRequest, model_input, read_images_request
from app.errors import InvalidInput

LISTED = Catalogue(allow_unlisted=False)
DEV = "fal-ai/flux-1/dev"
ULTRA = "fal-ai/flux-pro/v1.1-ultra"
KONTEXT = "fal-ai/flux-pro/kontext/text-to-image"
KONTEXT_DEV = "fal-ai/flux-kontext/dev"
IMAGE_TO_IMAGE = "fal-ai/flux-1/dev/image-to-image"
UNLISTED = "fal-ai/some-new/model"


def translated(given: dict[str, Any]) -> dict[str, Any]:
    asked = read_images_request(given)
    return model_input(Catalogue(allow_unlisted=True).find(asked.model_id), asked)


def problem_of(given: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(InvalidInput) as refusal:
        translated(given)
    [problem] = refusal.value.problems
    return problem


def test_what_is_left_out_has_openais_defaults() -> None:
    for given in ({"prompt": "a cat"}, {"prompt": "a cat", **dict.fromkeys(("model", "n", "size", "user"))}):
        assert read_images_request(given) == ImagesRequest(
            model_id=DEFAULT_MODEL,
            n=None,
            size=None,
            wants_bytes=False,
            is_stream=False,
            end_user=None,
            rest={"prompt": "a cat"},
        )


@pytest.mark.parametrize(
    ("given", "wants_bytes"),
    [({}, False), ({"response_format": "url"}, False), ({"response_format": "b64_json"}, True)],
)
def test_the_form_of_the_answer(given: dict[str, Any], wants_bytes: bool) -> None:
    assert read_images_request(given).wants_bytes is wants_bytes


@pytest.mark.parametrize(
    ("given", "end_user"),
    [
        ({"user": "zoë"}, "zoë"),
        ({"user": ""}, None),
        ({"safety_identifier": "h4sh"}, "h4sh"),
        ({"user": "zoë", "safety_identifier": "h4sh"}, "zoë"),
        ({"user": "", "safety_identifier": "h4sh"}, "h4sh"),
    ],
)
def test_for_whom_it_is(given: dict[str, Any], end_user: str | None) -> None:
    asked = read_images_request(given)
    assert (asked.end_user, asked.rest) == (end_user, {})


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"n": "2"}, "n"),
        ({"n": True}, "n"),
        ({"n": 1.5}, "n"),
        ({"size": 1024}, "size"),
        ({"size": {"width": 512}}, "size"),
        ({"response_format": "png"}, "response_format"),
        ({"response_format": ["url"]}, "response_format"),
        ({"user": "x" * 201}, "user"),
        ({"user": "a\x07b"}, "user"),
        ({"user": 5}, "user"),
        ({"safety_identifier": "a\nb"}, "safety_identifier"),
        ({"stream": "yes"}, "stream"),
    ],
)
def test_a_wrong_field_of_openais_own_is_named(given: dict[str, Any], name: str) -> None:
    assert problem_of({"prompt": "a cat", **given})["loc"] == ["body", name]


SIZES = [
    (DEV, "1024x768", {"image_size": {"width": 1024, "height": 768}}),
    (DEV, "1024X768", {"image_size": {"width": 1024, "height": 768}}),
    (DEV, "0x99999", {"image_size": {"width": 0, "height": 99_999}}),
    (DEV, "auto", {}),
    (DEV, "landscape_16_9", {"image_size": "landscape_16_9"}),
    (DEV, "16:9", {"image_size": "16:9"}),
    (ULTRA, "1024x1024", {"aspect_ratio": "1:1"}),
    (ULTRA, "1792x1024", {"aspect_ratio": "7:4"}),
    (ULTRA, "5:4", {"aspect_ratio": "5:4"}),
    (KONTEXT, "1024x1024", {"aspect_ratio": "1:1"}),
    (KONTEXT, "1536x1024", {"aspect_ratio": "3:2"}),
    (KONTEXT, "1024x1536", {"aspect_ratio": "2:3"}),
    (KONTEXT, "1920x1080", {"aspect_ratio": "16:9"}),
    (KONTEXT, "21:9", {"aspect_ratio": "21:9"}),
    (KONTEXT, "auto", {}),
    (KONTEXT_DEV, "1280x1024", {"resolution_mode": "5:4"}),
    (KONTEXT_DEV, "match_input", {"resolution_mode": "match_input"}),
    (IMAGE_TO_IMAGE, "auto", {}),
    (UNLISTED, "640x480", {"image_size": {"width": 640, "height": 480}}),
    (UNLISTED, "huge", {"image_size": "huge"}),
]


@pytest.mark.parametrize(("model_id", "size", "fields"), SIZES)
def test_a_size_is_what_the_model_calls_it(model_id: str, size: str, fields: dict[str, Any]) -> None:
    assert translated({"model": model_id, "size": size}) == fields


@pytest.mark.parametrize(
    ("model_id", "size", "words"),
    [
        (DEV, "big", ["WIDTHxHEIGHT", "square_hd", "auto"]),
        (DEV, "1024*768", ["WIDTHxHEIGHT"]),
        (DEV, "1024x", ["WIDTHxHEIGHT"]),
        (DEV, "-1x5", ["WIDTHxHEIGHT"]),
        (DEV, "1024x768 ", ["WIDTHxHEIGHT"]),
        (DEV, "\u0661024x768", ["WIDTHxHEIGHT"]),
        (DEV, "", ["WIDTHxHEIGHT"]),
        (DEV, "9" * 5000, ["WIDTHxHEIGHT"]),
        (KONTEXT, "1792x1024", ["1792x1024 is 7:4", "21:9, 16:9, 4:3, 3:2, 1:1, 2:3, 3:4, 9:16, 9:21"]),
        (KONTEXT, "0x0", ["0:0", "16:9"]),
        (KONTEXT, "5:4", ["5:4", "16:9"]),
        (KONTEXT, "big", ["WIDTHxHEIGHT", "16:9"]),
        (KONTEXT_DEV, "1792x1024", ["7:4", "match_input"]),
        (ULTRA, "1001x1000", ["1001:1000", "three digits"]),
        (ULTRA, "big", ["WIDTHxHEIGHT"]),
        (IMAGE_TO_IMAGE, "1024x1024", ["as large as the one that is given"]),
    ],
)
def test_a_size_that_is_not_made_is_told_with_those_that_are(
    model_id: str, size: str, words: list[str]
) -> None:
    problem = problem_of({"model": model_id, "size": size})
    assert problem["loc"] == ["body", "size"]
    assert len(problem["msg"]) < 400
    for word in words:
        assert word in problem["msg"]


def test_the_number_of_pictures_has_the_models_name() -> None:
    assert translated({"prompt": "a cat", "n": 3}) == {"prompt": "a cat", "num_images": 3}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"n": 2, "num_images": 2}, "num_images"),
        ({"size": "512x512", "image_size": "square"}, "image_size"),
        ({"model": KONTEXT, "size": "512x512", "aspect_ratio": "1:1"}, "aspect_ratio"),
    ],
)
def test_one_thing_is_said_once(given: dict[str, Any], name: str) -> None:
    assert problem_of(given)["loc"] == ["body", name]
    assert translated(given | {name: None}).get(name) is not None


def test_what_only_openais_models_know_is_dropped_and_all_else_is_passed_on() -> None:
    openais = {
        "background": "transparent",
        "complexity": "low",
        "frame_count": 1,
        "frame_duration_ms": 40,
        "moderation": "low",
        "output_compression": 80,
        "partial_images": 0,
        "quality": "hd",
        "reasoning": {"effort": "low"},
        "style": "vivid",
        "svg": {},
        "stream": False,
    }
    theirs = {"prompt": "a cat", "output_format": "png", "seed": 7, "guidance_scale": 2.5, "some_new": [1]}
    assert translated({**openais, **theirs}) == theirs


def test_a_model_that_nobody_knows_may_be_one_of_openais() -> None:
    given = {"prompt": "a cat", "quality": "high", "background": "opaque"}
    assert translated({"model": UNLISTED, **given}) == given


@pytest.mark.parametrize("output_format", ["webp", "gif", "svg"])
def test_a_format_that_the_model_does_not_make_is_its_own_problem(output_format: str) -> None:
    given = translated({"prompt": "a cat", "output_format": output_format})
    with pytest.raises(InvalidInput) as refusal:
        normalise(LISTED.find(DEV), given)
    assert refusal.value.problems[0]["loc"] == ["body", "output_format"]
    assert "'jpeg' or 'png'" in refusal.value.problems[0]["msg"]
