"""Every entry of the catalogue: its least input, its required fields, and its own fields."""

from typing import Any

import pytest

from app.catalogue.lookup import Catalogue
from app.catalogue.model import Model, ModelInput
from app.catalogue.normalise import normalise
from app.errors import InvalidInput

CATALOGUE = Catalogue(allow_unlisted=False)
ALL = pytest.mark.parametrize("model", CATALOGUE.listed(), ids=lambda model: model.id)
PICTURE = "https://example.com/cat.png"
SAMPLES = {"prompt": "a cat", "image_url": PICTURE, "image_urls": [PICTURE]}

LORA = "fal-ai/flux-lora"
IMAGE_TO_IMAGE = "fal-ai/flux-1/dev/image-to-image"
NEW = "fal-ai/flux-pro/new"
ULTRA = "fal-ai/flux-pro/v1.1-ultra"
KONTEXT = "fal-ai/flux-pro/kontext"
MULTI = "fal-ai/flux-pro/kontext/multi"
KONTEXT_DEV = "fal-ai/flux-kontext/dev"


def fields_of(model: Model) -> type[ModelInput]:
    assert model.input is not None
    return model.input


def least(model: Model) -> dict[str, Any]:
    """The required fields alone."""
    return {
        name: SAMPLES[name] for name, field in fields_of(model).model_fields.items() if field.is_required()
    }


def problems_of(model_id: str, **fields: object) -> list[dict[str, Any]]:
    model = CATALOGUE.find(model_id)
    with pytest.raises(InvalidInput) as refusal:
        normalise(model, least(model) | fields)
    return refusal.value.problems


@ALL
def test_the_least_input_is_accepted_and_nothing_is_added(model: Model) -> None:
    assert least(model)
    assert normalise(model, least(model)) == least(model)


@ALL
def test_a_missing_required_field_is_named(model: Model) -> None:
    for name in least(model):
        given = {key: value for key, value in least(model).items() if key != name}
        with pytest.raises(InvalidInput) as refusal:
            normalise(model, given)
        (problem,) = refusal.value.problems
        assert (problem["loc"], problem["type"]) == (["body", name], "missing")


@ALL
def test_every_default_is_a_value_that_the_model_takes(model: Model) -> None:
    defaults = {
        name: field.default
        for name, field in fields_of(model).model_fields.items()
        if not field.is_required() and field.default_factory is None and field.default is not None
    }
    assert normalise(model, least(model) | defaults) == least(model) | defaults


@ALL
def test_every_field_is_described_in_the_schema(model: Model) -> None:
    schema = fields_of(model).model_json_schema()
    for field in schema["properties"].values():
        assert field["title"]
        assert field["description"]
    assert schema["additionalProperties"] is True
    assert set(schema["required"]) == least(model).keys()


@pytest.mark.parametrize(
    ("model_id", "required"),
    [
        ("fal-ai/flux-1/dev", {"prompt"}),
        (IMAGE_TO_IMAGE, {"prompt", "image_url"}),
        ("fal-ai/flux-1/dev/redux", {"image_url"}),
        ("fal-ai/flux-1/schnell/redux", {"image_url"}),
        (ULTRA, {"prompt"}),
        (KONTEXT, {"prompt", "image_url"}),
        (MULTI, {"prompt", "image_urls"}),
        ("fal-ai/flux-pro/kontext/max/text-to-image", {"prompt"}),
        (KONTEXT_DEV, {"prompt", "image_url"}),
    ],
)
def test_the_required_fields_are_those_of_fal(model_id: str, required: set[str]) -> None:
    assert least(CATALOGUE.find(model_id)).keys() == required


@pytest.mark.parametrize(
    ("model_id", "default"),
    [("fal-ai/flux-1/dev", 28), ("fal-ai/flux-1/schnell", 4), (IMAGE_TO_IMAGE, 40), ("fal-ai/flux/krea", 28)],
)
def test_the_schema_shows_the_default_steps(model_id: str, default: int) -> None:
    schema = fields_of(CATALOGUE.find(model_id)).model_json_schema()
    assert schema["properties"]["num_inference_steps"]["default"] == default


@pytest.mark.parametrize(
    ("model_id", "fields"),
    [
        (IMAGE_TO_IMAGE, {"strength": 0}),
        (IMAGE_TO_IMAGE, {"strength": 1.0}),
        (LORA, {"loras": []}),
        (LORA, {"loras": [{"path": PICTURE}, {"path": "owner/some-model.v2", "scale": 4, "force": True}]}),
        (LORA, {"guidance_scale": 35}),
        (NEW, {"safety_tolerance": "6", "enhance_prompt": True, "num_inference_steps": 10}),
        (ULTRA, {"aspect_ratio": "5:4", "raw": True, "image_url": PICTURE, "image_prompt_strength": 0.5}),
        (KONTEXT, {"aspect_ratio": "9:21"}),
        (MULTI, {"image_urls": [PICTURE, "data:image/png;base64,aGk="]}),
        (KONTEXT_DEV, {"resolution_mode": "auto"}),
    ],
)
def test_the_fields_of_its_own_are_taken(model_id: str, fields: dict[str, Any]) -> None:
    model = CATALOGUE.find(model_id)
    assert normalise(model, least(model) | fields) == least(model) | fields


@pytest.mark.parametrize(
    ("model_id", "field", "value", "where", "kind"),
    [
        (IMAGE_TO_IMAGE, "strength", -0.1, [], "greater_than_equal"),
        (IMAGE_TO_IMAGE, "strength", 1.1, [], "less_than_equal"),
        (LORA, "acceleration", "high", [], "literal_error"),
        (LORA, "guidance_scale", 35.1, [], "less_than_equal"),
        (LORA, "loras", {"path": PICTURE}, [], "list_type"),
        (LORA, "loras", [{}], [0, "path"], "missing"),
        (LORA, "loras", [{"path": PICTURE, "scale": 4.1}], [0, "scale"], "less_than_equal"),
        (LORA, "loras", [{"path": PICTURE, "scale": True}], [0, "scale"], "float_type"),
        *(
            (LORA, "loras", [{"path": path}], [0, "path"], "url_parsing")
            for path in ("file:///a", "/etc/x", "")
        ),
        (NEW, "safety_tolerance", 2, [], "literal_error"),
        (NEW, "safety_tolerance", "7", [], "literal_error"),
        (NEW, "enhance_prompt", 1, [], "bool_type"),
        (ULTRA, "aspect_ratio", "wide", [], "string_pattern_mismatch"),
        (ULTRA, "raw", "true", [], "bool_type"),
        (ULTRA, "image_prompt_strength", 1.5, [], "less_than_equal"),
        (KONTEXT, "aspect_ratio", "5:4", [], "literal_error"),
        (MULTI, "image_urls", [], [], "too_short"),
        (MULTI, "image_urls", PICTURE, [], "list_type"),
        (MULTI, "image_urls", [PICTURE, "file:///x", "ftp://x"], [1], "url_parsing"),
        (KONTEXT_DEV, "resolution_mode", "best", [], "literal_error"),
    ],
)
def test_a_wrong_value_of_its_own_field_is_refused(
    model_id: str, field: str, value: object, where: list[str | int], kind: str
) -> None:
    (problem,) = problems_of(model_id, **{field: value})
    assert (problem["loc"], problem["type"]) == (["body", field, *where], kind)
    assert problem["url"].startswith("https://")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a",
        "HTTPS://example.com:8443/a?b=c#d",
        "https://[::1]/a",
        "https://example.com/ü",
        "data:image/png;base64,aGk=",
        "DATA:image/svg+xml;charset=utf-8;BASE64,aGk=",
    ],
)
def test_a_picture_comes_from_the_web_or_the_request(url: str) -> None:
    model = CATALOGUE.find(KONTEXT)
    given = {"prompt": "a cat", "image_url": url}
    assert normalise(model, given) == given


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        *(
            (url, "url_parsing")
            for url in ("", "cat.png", "/etc/passwd", "file:///etc/passwd", "FILE:/etc/x")
        ),
        *((url, "url_parsing") for url in ("ftp://a/b", "javascript:1", "//a/b", "http://", "http://[::1")),
        *(
            (url, "url_parsing")
            for url in (" http://a/b", "http://a/b c", "http://a/\n", "http://" + "a" * 8190)
        ),
        *((url, "data_uri") for url in ("data:,hi", "data:image/png,hi", "data:image/png;base64", "data:")),
        *(
            (f"data:image/png;base64,{text}", "data_uri")
            for text in ("a", "aGk", "aG k=", "aGk=x", "é", "aGk=\n")
        ),
        *((value, "string_type") for value in (5, True, ["https://a/b"], {"url": "https://a/b"})),
    ],
)
def test_a_picture_comes_from_nowhere_else(url: object, kind: str) -> None:
    (problem,) = problems_of(KONTEXT, image_url=url)
    assert (problem["loc"], problem["type"]) == (["body", "image_url"], kind)
