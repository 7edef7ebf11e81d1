"""Which models this gateway serves."""

import re
from functools import lru_cache
from typing import Final

from app.catalogue import flux_1, flux_lora, flux_pro, kontext
from app.catalogue.model import Model, ModelInput
from app.errors import ModelNotAllowed, NotFound

ID_LIMIT: Final = 200
# So many ids are remembered with their apps: each read of a job asks for one of a few.
REMEMBERED_IDS: Final = 1024

_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")
_NAMESPACES: Final = frozenset({"workflows", "comfy"})
# "requests" begins the routes of a job; as a model it would let a caller reach the upstream's jobs by id.
_RESERVED: Final = frozenset({".", "..", "requests"})
_FAMILIES: Final = (flux_1.INPUTS, flux_lora.INPUTS, flux_pro.INPUTS, kontext.INPUTS)


class Catalogue:
    """The listed models, and whether others pass through unchecked."""

    def __init__(self, *, allow_unlisted: bool) -> None:
        self._allow_unlisted = allow_unlisted
        self._listed = {
            model_id: _listed_model(model_id, fields)
            for family in _FAMILIES
            for model_id, fields in family.items()
        }

    def find(self, model_id: str) -> Model:
        """The model of this id.

        Raises:
            ModelNotAllowed: it is not listed, and unlisted models do not pass.
            NotFound: no model can have such an id.
        """
        if model := self._listed.get(model_id):
            return model
        app_id = app_id_of(model_id)
        if not self._allow_unlisted:
            raise ModelNotAllowed(
                f"The model {model_id} is not served here; GET /v1/models lists those that are."
            )
        # What is not known may take pictures, so it gets the larger body.
        return Model(id=model_id, app_id=app_id, takes_images=True, input=None)

    def listed(self) -> tuple[Model, ...]:
        """All models that this gateway knows, the main one first."""
        return tuple(self._listed.values())


def _listed_model(model_id: str, fields: type[ModelInput]) -> Model:
    takes_images = not fields.model_fields.keys().isdisjoint(("image_url", "image_urls"))
    return Model(id=model_id, app_id=app_id_of(model_id), takes_images=takes_images, input=fields)


@lru_cache(REMEMBERED_IDS)
def app_id_of(model_id: str) -> str:
    """The first two segments, or three behind a namespace.

    Raises:
        NotFound: no model can have such an id.
    """
    segments = model_id.split("/")
    length = 3 if segments[0] in _NAMESPACES else 2
    if len(model_id) > ID_LIMIT or len(segments) < length or not all(map(_is_segment, segments)):
        raise NotFound("There is no such model; its id looks like fal-ai/flux-1/dev.")
    return "/".join(segments[:length])


def _is_segment(segment: str) -> bool:
    return segment not in _RESERVED and _SEGMENT.fullmatch(segment) is not None
