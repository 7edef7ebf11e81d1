"""FLUX.1: dev, schnell, krea and srpo, from words or from a picture."""

from types import MappingProxyType
from typing import Final

from app.catalogue.fields import (
    Acceleration,
    Guidance,
    NumImages,
    OutputFormat,
    Prompt,
    SafetyChecker,
    Seed,
    Steps,
    Strength,
    SyncMode,
)
from app.catalogue.model import ModelInput
from app.catalogue.picture_urls import PictureUrl
from app.catalogue.sizes import DEFAULT_SIZE, ImageSize


class Dev(ModelInput):
    """A picture from words, as QuickRouter's page and fal describe it."""

    prompt: Prompt
    image_size: ImageSize = DEFAULT_SIZE
    num_inference_steps: Steps = 28
    guidance_scale: Guidance = 3.5
    num_images: NumImages = 1
    enable_safety_checker: SafetyChecker = True
    output_format: OutputFormat = "jpeg"
    acceleration: Acceleration = "regular"
    seed: Seed = None
    sync_mode: SyncMode = False


class Schnell(Dev):
    """A picture from words in few steps."""

    num_inference_steps: Steps = 4


class ImageToImage(ModelInput):
    """A picture from a picture and words; its size is that of the given one."""

    prompt: Prompt
    image_url: PictureUrl
    strength: Strength = 0.95
    num_inference_steps: Steps = 40
    guidance_scale: Guidance = 3.5
    num_images: NumImages = 1
    enable_safety_checker: SafetyChecker = True
    output_format: OutputFormat = "jpeg"
    acceleration: Acceleration = "none"
    seed: Seed = None
    sync_mode: SyncMode = False


class SchnellRedux(ModelInput):
    """Variations of a picture in few steps, without words."""

    image_url: PictureUrl
    image_size: ImageSize = DEFAULT_SIZE
    num_inference_steps: Steps = 4
    num_images: NumImages = 1
    enable_safety_checker: SafetyChecker = True
    output_format: OutputFormat = "jpeg"
    acceleration: Acceleration = "none"
    seed: Seed = None
    sync_mode: SyncMode = False


class Redux(SchnellRedux):
    """Variations of a picture, without words."""

    num_inference_steps: Steps = 28
    guidance_scale: Guidance = 3.5


_KINDS: Final = MappingProxyType[str, type[ModelInput]](
    {
        "dev": Dev,
        "dev/image-to-image": ImageToImage,
        "dev/redux": Redux,
        "schnell": Schnell,
        "schnell/redux": SchnellRedux,
        "krea": Dev,
        "krea/image-to-image": ImageToImage,
        "krea/redux": Redux,
        "srpo": Dev,
        "srpo/image-to-image": ImageToImage,
    }
)
# fal serves every kind but dev/redux under both names.
INPUTS: Final = MappingProxyType[str, type[ModelInput]](
    {f"fal-ai/flux-1/{kind}": fields for kind, fields in _KINDS.items()}
    | {f"fal-ai/flux/{kind}": fields for kind, fields in _KINDS.items() if kind != "dev/redux"}
)
