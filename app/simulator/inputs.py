"""What the models take, checked as fal's runners check it: by pydantic, with unknown fields let through."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
RATIOS = {
    "21:9": (1568, 672),
    "16:9": (1392, 752),
    "4:3": (1184, 880),
    "3:2": (1248, 832),
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:4": (880, 1184),
    "9:16": (752, 1392),
    "9:21": (672, 1568),
}

SizeName = Literal["square_hd", "square", "portrait_4_3", "portrait_16_9", "landscape_4_3", "landscape_16_9"]
Ratio = Literal["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"]
Side = Annotated[int, Field(gt=0, le=14142)]


def _check_picture(address: str) -> str:
    if not address.lower().startswith(("http://", "https://", "data:")):
        raise PydanticCustomError("url_parsing", "Input should be a valid URL or a data URI")
    return address


PictureUrl = Annotated[str, AfterValidator(_check_picture)]


class Size(BaseModel):
    """A size in pixels."""

    width: Side = 512
    height: Side = 512


class ModelInput(BaseModel):
    """What every model takes; alone it is the input of models nobody has described here."""

    model_config = ConfigDict(extra="allow")

    default_steps: ClassVar[int] = 28

    prompt: str = ""
    seed: int | None = None
    num_images: Annotated[int, Field(ge=1, le=4)] = 1
    num_inference_steps: Annotated[int, Field(ge=1, le=50)] | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=20)] = 3.5
    enable_safety_checker: bool = True
    output_format: Literal["jpeg", "png"] = "jpeg"
    acceleration: Literal["none", "regular", "high"] = "none"
    sync_mode: bool = False

    @property
    def pictures(self) -> list[str]:
        """The addresses of the pictures it works on, also where nobody has described the field here."""
        given = (getattr(self, "image_url", None), *(getattr(self, "image_urls", None) or ()))
        return [address for address in given if isinstance(address, str)]

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the images."""
        return SIZES["landscape_4_3"]


class TextToImage(ModelInput):
    """A prompt becomes an image of a named or a given size."""

    prompt: str
    image_size: SizeName | Size = "landscape_4_3"

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the images."""
        size = self.image_size
        return (size.width, size.height) if isinstance(size, Size) else SIZES[size]


class ImageToImage(ModelInput):
    """A prompt changes a picture."""

    default_steps: ClassVar[int] = 40

    prompt: str
    image_url: PictureUrl
    strength: Annotated[float, Field(ge=0.01, le=1)] = 0.95


class Redux(TextToImage):
    """A picture is varied without a prompt."""

    prompt: str = ""
    image_url: PictureUrl


class TextToRatio(ModelInput):
    """A prompt becomes an image of a given aspect ratio."""

    prompt: str
    aspect_ratio: Ratio | None = None

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the images."""
        return RATIOS[self.aspect_ratio or "1:1"]


class Ultra(TextToRatio):
    """The model of two thousand pixels."""

    aspect_ratio: Ratio | None = "16:9"

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the images."""
        width, height = super().pixels
        return 2 * width, 2 * height


class Kontext(TextToRatio):
    """A prompt edits a picture."""

    image_url: PictureUrl


class KontextMulti(TextToRatio):
    """A prompt edits several pictures into one."""

    image_urls: Annotated[list[PictureUrl], Field(min_length=1)]


def find_input(model: str) -> type[ModelInput]:
    """The input of a model, told from the words of its id."""
    known = (
        ("redux", Redux),
        ("image-to-image", ImageToImage),
        ("kontext/text-to-image", TextToRatio),
        ("kontext/max/text-to-image", TextToRatio),
        ("multi", KontextMulti),
        ("kontext", Kontext),
        ("ultra", Ultra),
        ("flux", TextToImage),
    )
    return next((kind for words, kind in known if words in model), ModelInput)
