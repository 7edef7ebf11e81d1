"""The fields that several models share, each with its range and its words for the documentation.

A validator returns None for a value that means "the upstream's own default"; such a field is left out of what
goes upstream.
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field

PROMPT_LIMIT: Final = 50_000
SEED_MIN: Final = -(2**63)
SEED_MAX: Final = 2**63 - 1

_FORMATS: Final = frozenset({"default", "jpeg", "png"})


def _lower_format(given: object) -> object:
    if isinstance(given, str) and given.lower() in _FORMATS:
        return given.lower()
    return given


def without_default(word: str) -> str | None:
    """Leaves out the word that stands for the upstream's own choice."""
    return None if word == "default" else word


def _without_zero(steps: int) -> int | None:
    return steps or None


Prompt = Annotated[
    str,
    Field(min_length=1, max_length=PROMPT_LIMIT, description="What the picture is to show, in words."),
]
# QuickRouter's page allows 0 steps, which fal refuses; the only reading that makes a picture is the default.
Steps = Annotated[
    int,
    Field(ge=0, le=50, description="The number of inference steps; 0 means the model's default."),
    AfterValidator(_without_zero),
]
Guidance = Annotated[
    float,
    Field(ge=1, le=20, description="How closely the picture keeps to the prompt."),
]
NumImages = Annotated[int, Field(ge=1, le=4, description="How many pictures to make.")]
SafetyChecker = Annotated[bool, Field(description="Whether pictures are checked for unsafe content.")]
OutputFormat = Annotated[
    Literal["default", "jpeg", "png"],
    BeforeValidator(_lower_format, json_schema_input_type=Literal["default", "jpeg", "png", "JPEG", "PNG"]),
    AfterValidator(without_default),
    Field(description="The file format of the pictures, in upper or lower case."),
]
Acceleration = Annotated[
    Literal["default", "none", "regular", "high"],
    AfterValidator(without_default),
    Field(description="How much speed to gain at the cost of quality."),
]
# A seed is kept as a bigint, so it ends where a signed 64-bit integer ends.
Seed = Annotated[
    int | None,
    Field(ge=SEED_MIN, le=SEED_MAX, description="The same seed and input give the same picture."),
]
SyncMode = Annotated[
    bool,
    Field(description="Whether pictures come as data URIs, which are kept out of the upstream's history."),
]
Strength = Annotated[
    float,
    Field(ge=0, le=1, description="How far the picture may move away from the given one."),
]
SafetyTolerance = Annotated[
    Literal["1", "2", "3", "4", "5", "6"],
    Field(description="From 1, the strictest, to 6, the most permissive."),
]
EnhancePrompt = Annotated[bool, Field(description="Whether the upstream may rewrite the prompt.")]
AspectRatio = Annotated[
    Literal["21:9", "16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "9:21"] | None,
    Field(description="The ratio of width to height."),
]
