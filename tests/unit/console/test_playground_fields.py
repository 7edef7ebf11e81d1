"""The form of a model is its schema, field by field."""

import orjson
import pytest

from app.catalogue.lookup import Catalogue
from app.catalogue.model import Model
from app.console.playground_fields import FormField, fields_of

CATALOGUE = Catalogue(allow_unlisted=True)
MODELS = [pytest.param(model, id=model.id) for model in CATALOGUE.listed()]


def field(model_id: str, name: str) -> FormField:
    [found] = [one for one in fields_of(CATALOGUE.find(model_id)) if one.name == name]
    return found


@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_the_schema_is_in_the_form(model: Model) -> None:
    assert model.input is not None
    schema = model.input.model_json_schema()
    made = {one.name: one for one in fields_of(model)}
    assert list(made) == sorted(schema["properties"], key=lambda name: name not in schema["required"])
    for name, described in schema["properties"].items():
        assert made[name].default == described.get("default")
        assert made[name].is_required == (name in schema["required"])
        if "minimum" in described:
            assert (made[name].minimum, made[name].maximum) == (described["minimum"], described["maximum"])


@pytest.mark.parametrize(
    ("model_id", "name", "kind"),
    [
        ("fal-ai/flux-1/dev", "prompt", "text"),
        ("fal-ai/flux-1/dev", "image_size", "size"),
        ("fal-ai/flux-1/dev", "num_inference_steps", "number"),
        ("fal-ai/flux-1/dev", "seed", "whole"),
        ("fal-ai/flux-1/dev", "output_format", "choice"),
        ("fal-ai/flux-1/dev", "sync_mode", "tick"),
        ("fal-ai/flux-1/dev/image-to-image", "image_url", "picture"),
        ("fal-ai/flux-lora", "loras", "rows"),
        ("fal-ai/flux-pro/v1.1-ultra", "aspect_ratio", "line"),
        ("fal-ai/flux-pro/v1.1-ultra", "image_url", "picture"),
        ("fal-ai/flux-pro/kontext", "aspect_ratio", "choice"),
        ("fal-ai/flux-pro/kontext/multi", "image_urls", "pictures"),
    ],
)
def test_the_kind_of_a_field(model_id: str, name: str, kind: str) -> None:
    assert field(model_id, name).kind == kind


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("prompt", "required · up to 50,000 characters"),
        ("image_size", "or 1 to 14,142 pixels a side · default landscape_4_3"),
        ("num_inference_steps", "0 to 50 · default 28"),
        ("guidance_scale", "1 to 20 · default 3.5"),
        ("enable_safety_checker", "default on"),
        ("output_format", "default jpeg"),
        ("seed", "any whole number of 64 bits · default random"),
    ],
)
def test_range_and_default_in_words(name: str, hint: str) -> None:
    assert field("fal-ai/flux-1/dev", name).hint == hint


def test_one_name_for_each_value() -> None:
    """The formats are taken in upper case as well; a list does not need both."""
    assert [word for word, _ in field("fal-ai/flux-1/dev", "output_format").words] == [
        "default",
        "jpeg",
        "png",
    ]
    assert ("landscape_4_3", "landscape_4_3 · 1024 × 768") in field("fal-ai/flux-1/dev", "image_size").words  # noqa: RUF001 # the sign of sizes


def test_a_row_has_fields_of_its_own() -> None:
    path, scale = field("fal-ai/flux-lora", "loras").parts
    assert (path.name, path.kind, path.is_required) == ("path", "line", True)
    assert (scale.name, scale.kind, scale.minimum, scale.maximum) == ("scale", "number", 0, 4)


def test_of_a_model_that_is_not_listed_only_the_prompt_is_known() -> None:
    assert [one.name for one in fields_of(CATALOGUE.find("fal-ai/some/other"))] == ["prompt"]


def test_samples_show_what_has_to_be_filled_in() -> None:
    shown = field("fal-ai/flux-1/dev", "prompt").sample_json
    assert shown is not None
    assert orjson.loads(shown).startswith("Extreme close-up")
    assert field("fal-ai/flux-pro/v1.1-ultra", "image_url").sample_json is None
