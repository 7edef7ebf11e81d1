"""FLUX.1 dev with LoRA weights of the caller's choice."""

import re
from types import MappingProxyType
from typing import Annotated, Final, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, with_config
from pydantic_core import PydanticCustomError

# Pydantic reads the standard library's TypedDict only from Python 3.12 on.
from typing_extensions import TypedDict

from app.catalogue.fields import (
    NumImages,
    OutputFormat,
    Prompt,
    SafetyChecker,
    Seed,
    Steps,
    SyncMode,
    without_default,
)
from app.catalogue.model import ModelInput
from app.catalogue.picture_urls import URL_LIMIT, is_web_url
from app.catalogue.sizes import DEFAULT_SIZE, ImageSize

_HUB_NAME: Final = re.compile(r"[\w.-]+(?:/[\w.-]+)+", re.ASCII)


def _accept_path(given: str) -> str:
    if is_web_url(given) or _HUB_NAME.fullmatch(given):
        return given
    raise PydanticCustomError(
        "url_parsing", "Input should be an http or https URL or a name like owner/model"
    )


@with_config(ConfigDict(extra="allow", strict=True))
class Lora(TypedDict):
    """Weights to merge into the model, and how strongly."""

    path: Annotated[
        str,
        Field(max_length=URL_LIMIT, description="The URL of the weights, or their name on Hugging Face."),
        AfterValidator(_accept_path),
    ]
    scale: NotRequired[
        Annotated[float, Field(ge=0, le=4, description="How strongly.", json_schema_extra={"default": 1.0})]
    ]


class FluxLora(ModelInput):
    """A picture from words by a model with LoRA weights merged in."""

    prompt: Prompt
    loras: list[Lora] = Field(default_factory=list, fail_fast=True, description="The weights to merge.")
    image_size: ImageSize = DEFAULT_SIZE
    num_inference_steps: Steps = 28
    guidance_scale: Annotated[
        float, Field(ge=0, le=35, description="How closely the picture keeps to the prompt.")
    ] = 3.5
    num_images: NumImages = 1
    enable_safety_checker: SafetyChecker = True
    output_format: OutputFormat = "jpeg"
    acceleration: Annotated[
        Literal["default", "none", "regular"],
        AfterValidator(without_default),
        Field(description="How much speed to gain at the cost of quality."),
    ] = "none"
    seed: Seed = None
    sync_mode: SyncMode = False


INPUTS: Final = MappingProxyType[str, type[ModelInput]]({"fal-ai/flux-lora": FluxLora})
