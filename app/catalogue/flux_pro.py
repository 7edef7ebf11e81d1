"""FLUX.1 pro and FLUX1.1 pro: pictures from words at the upstream's own number of steps."""

from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from app.catalogue.fields import (
    EnhancePrompt,
    Guidance,
    NumImages,
    OutputFormat,
    Prompt,
    SafetyTolerance,
    Seed,
    Steps,
    SyncMode,
)
from app.catalogue.model import ModelInput
from app.catalogue.picture_urls import PictureUrl
from app.catalogue.sizes import DEFAULT_SIZE, ImageSize


class ProV11(ModelInput):
    """A picture from words; neither steps nor guidance can be chosen."""

    prompt: Prompt
    image_size: ImageSize = DEFAULT_SIZE
    num_images: NumImages = 1
    output_format: OutputFormat = "jpeg"
    safety_tolerance: SafetyTolerance = "2"
    enhance_prompt: EnhancePrompt = False
    seed: Seed = None
    sync_mode: SyncMode = False


class ProNew(ProV11):
    """A picture from words."""

    num_inference_steps: Steps = 28
    guidance_scale: Guidance = 3.5


class ProV11Ultra(ModelInput):
    """A picture of up to four megapixels from words, and from a picture if one is given."""

    prompt: Prompt
    # fal lists nine ratios here and takes others too.
    aspect_ratio: Annotated[
        str, Field(pattern=r"^\d{1,3}:\d{1,3}$", description="The ratio of width to height.")
    ] = "16:9"
    raw: Annotated[bool, Field(description="Whether to process the picture less.")] = False
    image_url: PictureUrl | None = Field(default=None, description="A picture to take ideas from.")
    image_prompt_strength: Annotated[
        float, Field(ge=0, le=1, description="How much the given picture counts.")
    ] = 0.1
    num_images: NumImages = 1
    output_format: OutputFormat = "jpeg"
    safety_tolerance: SafetyTolerance = "2"
    enhance_prompt: EnhancePrompt = False
    seed: Seed = None
    sync_mode: SyncMode = False


INPUTS: Final = MappingProxyType[str, type[ModelInput]](
    {
        "fal-ai/flux-pro/new": ProNew,
        "fal-ai/flux-pro/v1.1": ProV11,
        "fal-ai/flux-pro/v1.1-ultra": ProV11Ultra,
    }
)
