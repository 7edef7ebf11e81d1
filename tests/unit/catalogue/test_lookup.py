"""Which models are served, under which id, and what happens to the others."""

import pytest

from app.catalogue.lookup import ID_LIMIT, Catalogue
from app.catalogue.model import Model
from app.errors import ModelNotAllowed, NotFound

LISTED = Catalogue(allow_unlisted=False)
OPEN = Catalogue(allow_unlisted=True)

EXPECTED = {
    *(f"fal-ai/flux-1/{kind}" for kind in ("dev", "dev/image-to-image", "dev/redux")),
    *(f"fal-ai/flux/{kind}" for kind in ("dev", "dev/image-to-image")),
    *(f"fal-ai/{name}/{kind}" for name in ("flux-1", "flux") for kind in ("schnell", "schnell/redux")),
    *(
        f"fal-ai/{name}/krea{kind}"
        for name in ("flux-1", "flux")
        for kind in ("", "/image-to-image", "/redux")
    ),
    *(f"fal-ai/{name}/srpo{kind}" for name in ("flux-1", "flux") for kind in ("", "/image-to-image")),
    "fal-ai/flux-lora",
    *(f"fal-ai/flux-pro/{version}" for version in ("new", "v1.1", "v1.1-ultra")),
    *(f"fal-ai/flux-pro/kontext{kind}" for kind in ("", "/max", "/multi", "/max/multi")),
    *(f"fal-ai/flux-pro/kontext{kind}/text-to-image" for kind in ("", "/max")),
    "fal-ai/flux-kontext/dev",
}


def test_every_route_of_the_reference_is_listed_and_no_other() -> None:
    assert {model.id for model in LISTED.listed()} == EXPECTED
    assert LISTED.listed()[0].id == "fal-ai/flux-1/dev"


@pytest.mark.parametrize(
    ("model_id", "app_id", "takes_images"),
    [
        ("fal-ai/flux-1/dev", "fal-ai/flux-1", False),
        ("fal-ai/flux/schnell", "fal-ai/flux", False),
        ("fal-ai/flux-lora", "fal-ai/flux-lora", False),
        ("fal-ai/flux-1/dev/image-to-image", "fal-ai/flux-1", True),
        ("fal-ai/flux-1/schnell/redux", "fal-ai/flux-1", True),
        ("fal-ai/flux-pro/v1.1-ultra", "fal-ai/flux-pro", True),
        ("fal-ai/flux-pro/kontext/max/multi", "fal-ai/flux-pro", True),
        ("fal-ai/flux-pro/kontext/text-to-image", "fal-ai/flux-pro", False),
        ("fal-ai/flux-kontext/dev", "fal-ai/flux-kontext", True),
    ],
)
def test_an_entry_knows_its_app_and_whether_it_takes_pictures(
    model_id: str, app_id: str, takes_images: bool
) -> None:
    model = LISTED.find(model_id)
    assert (model.id, model.app_id, model.takes_images) == (model_id, app_id, takes_images)
    assert model.input is not None


@pytest.mark.parametrize("model_id", ["fal-ai/nano-banana", "fal-ai/flux-1", "fal-ai/flux-1/DEV", "a/b/c/d"])
def test_an_unlisted_model_is_refused_by_name(model_id: str) -> None:
    with pytest.raises(ModelNotAllowed) as refusal:
        LISTED.find(model_id)
    assert model_id in refusal.value.detail
    assert "GET /v1/models" in refusal.value.detail


@pytest.mark.parametrize(
    ("model_id", "app_id"),
    [
        ("fal-ai/nano-banana", "fal-ai/nano-banana"),
        ("fal-ai/a.b_c-D/v1.1/x", "fal-ai/a.b_c-D"),
        ("workflows/me/mine", "workflows/me/mine"),
        ("comfy/me/mine/more", "comfy/me/mine"),
    ],
)
def test_an_unlisted_model_passes_where_the_operator_allows_it(model_id: str, app_id: str) -> None:
    assert OPEN.find(model_id) == Model(id=model_id, app_id=app_id, takes_images=True, input=None)


@pytest.mark.parametrize(
    "model_id",
    [
        "",
        "fal-ai",
        "workflows/me",
        "/fal-ai/x",
        "fal-ai//x",
        "fal-ai/x/",
        "fal-ai/.",
        "fal-ai/../x",
        "fal-ai/x\n",
        "fal-ai/x y",
        "fal-ai/x?y",
        "fal-ai/x%2Fy",
        "fal-ai/é",
        "fal-ai/flux-1/requests/0198c3f4",
        "fal-ai/" + "x" * ID_LIMIT,
    ],
)
@pytest.mark.parametrize("catalogue", [LISTED, OPEN], ids=["listed", "open"])
def test_what_no_model_is_called_is_not_found(catalogue: Catalogue, model_id: str) -> None:
    with pytest.raises(NotFound):
        catalogue.find(model_id)
