"""How large a picture is asked for: fal's names, the page's ratios, or pixels; and what each means."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import ConfigDict, Field, ValidatorFunctionWrapHandler, WrapValidator, with_config
from pydantic_core import PydanticKnownError

# Pydantic reads the standard library's TypedDict only from Python 3.12 on.
from typing_extensions import TypedDict

SIDE_DEFAULT: Final = 512
SIDE_LIMIT: Final = 14_142

SizeName = Literal[
    "square_hd",
    "square",
    "portrait_4_3",
    "portrait_16_9",
    "landscape_4_3",
    "landscape_16_9",
    "3:4",
    "4:3",
    "16:9",
    "9:16",
]

# QuickRouter's page offers ratios, which fal itself refuses.
_RATIOS: Final = MappingProxyType(
    {"3:4": "portrait_4_3", "4:3": "landscape_4_3", "16:9": "landscape_16_9", "9:16": "portrait_16_9"}
)
_ACCEPTED: Final = MappingProxyType({name: _RATIOS.get(name, name) for name in get_args(SizeName)})
_EXPECTED: Final = ", ".join(f"'{name}'" for name in _ACCEPTED) + " or an object with width and height"
_PIXELS: Final = MappingProxyType(
    {
        "square_hd": (1024, 1024),
        "square": (512, 512),
        "portrait_4_3": (768, 1024),
        "portrait_16_9": (576, 1024),
        "landscape_4_3": (1024, 768),
        "landscape_16_9": (1024, 576),
    }
)

Side = Annotated[
    int, Field(gt=0, le=SIDE_LIMIT, description="In pixels.", json_schema_extra={"default": SIDE_DEFAULT})
]


@with_config(ConfigDict(extra="allow", strict=True))
class Pixels(TypedDict, total=False):
    """A size in pixels; fal takes 512 for a side that is left out."""

    width: Side
    height: Side


def _accept_size(given: object, read_pixels: ValidatorFunctionWrapHandler) -> object:
    """Decides by the kind of the value, so that a wrong size is one error and not one for each kind."""
    if isinstance(given, dict):
        return read_pixels(given)
    if isinstance(given, str) and given in _ACCEPTED:
        return _ACCEPTED[given]
    raise PydanticKnownError("literal_error", {"expected": _EXPECTED})


ImageSize = Annotated[
    Pixels,
    WrapValidator(_accept_size, json_schema_input_type=SizeName | Pixels),
    Field(
        title="Image Size",
        description="The size of the picture: a name, a ratio, or width and height in pixels.",
    ),
]
# Typed as Any because the annotation above names only the object among the accepted forms.
DEFAULT_SIZE: Final[Any] = "landscape_4_3"


def picture_size(size: str | Mapping[str, Any]) -> tuple[int, int]:
    """The width and height in pixels that an accepted `image_size` stands for."""
    if isinstance(size, str):
        return _PIXELS[_ACCEPTED[size]]
    return size.get("width", SIDE_DEFAULT), size.get("height", SIDE_DEFAULT)
