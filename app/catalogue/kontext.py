"""FLUX.1 Kontext: pictures changed by words, with its text-to-image twins."""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from app.catalogue.fields import (
    Acceleration,
    AspectRatio,
    EnhancePrompt,
    Guidance,
    NumImages,
    OutputFormat,
    Prompt,
    SafetyChecker,
    SafetyTolerance,
    Seed,
    Steps,
    SyncMode,
)
from app.catalogue.model import ModelInput
from app.catalogue.picture_urls import PictureUrl

ResolutionMode = Literal[
    "auto",
    "match_input",
    "1:1",
    "16:9",
    "21:9",
    "3:2",
    "2:3",
    "4:5",
    "5:4",
    "3:4",
    "4:3",
    "9:16",
    "9:21",
]


class KontextTextToImage(ModelInput):
    """A picture from words."""

    prompt: Prompt
    aspect_ratio: AspectRatio = "1:1"
    guidance_scale: Guidance = 3.5
    num_images: NumImages = 1
    output_format: OutputFormat = "jpeg"
    safety_tolerance: SafetyTolerance = "2"
    enhance_prompt: EnhancePrompt = False
    seed: Seed = None
    sync_mode: SyncMode = False


class Kontext(KontextTextToImage):
    """A picture changed by words; without a ratio it keeps that of the given one."""

    image_url: PictureUrl
    aspect_ratio: AspectRatio = None


class KontextMulti(KontextTextToImage):
    """A picture from several pictures and words."""

    image_urls: Annotated[
        list[PictureUrl], Field(min_length=1, fail_fast=True, description="The pictures to start from.")
    ]
    aspect_ratio: AspectRatio = None


class KontextDev(ModelInput):
    """A picture changed by words, by the open model."""

    prompt: Prompt
    image_url: PictureUrl
    num_inference_steps: Steps = 28
    guidance_scale: Guidance = 2.5
    resolution_mode: Annotated[
        ResolutionMode, Field(description="How the size of the picture is chosen.")
    ] = "match_input"
    num_images: NumImages = 1
    enable_safety_checker: SafetyChecker = True
    output_format: OutputFormat = "jpeg"
    acceleration: Acceleration = "none"
    enhance_prompt: EnhancePrompt = False
    seed: Seed = None
    sync_mode: SyncMode = False


INPUTS: Final = MappingProxyType[str, type[ModelInput]](
    {
        "fal-ai/flux-pro/kontext": Kontext,
        "fal-ai/flux-pro/kontext/max": Kontext,
        "fal-ai/flux-pro/kontext/multi": KontextMulti,
        "fal-ai/flux-pro/kontext/max/multi": KontextMulti,
        "fal-ai/flux-pro/kontext/text-to-image": KontextTextToImage,
        "fal-ai/flux-pro/kontext/max/text-to-image": KontextTextToImage,
        "fal-ai/flux-kontext/dev": KontextDev,
    }
)
