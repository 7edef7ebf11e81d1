"""OpenAI's request for images as a model and its input. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.catalogue.model import Model
from app.catalogue.problems import list_problems, shorten
from app.dialects.api_tokens import EndUser
from app.dialects.openai_size import OPENAI_NAMES, size_fields
from app.errors import InvalidInput

DEFAULT_MODEL: Final = "fal-ai/flux-1/dev"

# What OpenAI's own models take and others do not; a model that has such a field is given it.
OPENAI_ONLY: Final = frozenset(
    {
        "background",
        "complexity",
        "frame_count",
        "frame_duration_ms",
        "moderation",
        "output_compression",
        "partial_images",
        "quality",
        "reasoning",
        "style",
        "svg",
    }
)

ResponseFormat = Literal["url", "b64_json"]
Person = Annotated[EndUser | None, BeforeValidator(lambda given: None if given == "" else given)]


class ImagesFields(BaseModel):
    """What OpenAI's clients send that is not the model's own; everything else is for the model."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Annotated[str, Field(min_length=1)] | None = None
    n: int | None = None
    size: str | None = None
    response_format: ResponseFormat | None = None
    stream: bool | None = None
    user: Person = None
    safety_identifier: Person = None


@dataclass(frozen=True, slots=True)
class ImagesRequest:
    """What a caller asks for.

    Attributes:
        end_user: for whom, as OpenAI's fields `safety_identifier` and, of old, `user` tell.
        rest: what is for the model, by the model's own names and by those that only OpenAI's models know.
    """

    model_id: str
    n: int | None
    size: str | None
    wants_bytes: bool
    is_stream: bool
    end_user: str | None
    rest: Mapping[str, Any]


def read_images_request(given: Mapping[str, Any]) -> ImagesRequest:
    """Takes the body apart.

    Raises:
        InvalidInput: one of OpenAI's own fields is wrong.
    """
    try:
        fields = ImagesFields.model_validate(given)
    except ValidationError as error:
        raise InvalidInput(list_problems(error)) from None
    return ImagesRequest(
        model_id=fields.model or DEFAULT_MODEL,
        n=fields.n,
        size=fields.size,
        wants_bytes=fields.response_format == "b64_json",
        is_stream=fields.stream is True,
        end_user=fields.user or fields.safety_identifier,
        rest=fields.model_extra or {},
    )


def model_input(model: Model, asked: ImagesRequest) -> dict[str, Any]:
    """What the model is given, in its own words; whether it takes that is for its own rules to say.

    Raises:
        InvalidInput: the model makes no picture of that size, or one thing is said in two ways.
    """
    # Nothing is known of a model that is not listed: it may be one of those that take OpenAI's fields.
    dropped = frozenset() if model.input is None else OPENAI_ONLY - model.input.model_fields.keys()
    translated = {} if asked.size is None else size_fields(model, asked.size)
    if asked.n is not None:
        translated["num_images"] = asked.n
    for name in translated:
        if asked.rest.get(name) is not None:
            raise _said_twice(name, asked.rest[name])
    return {name: value for name, value in asked.rest.items() if name not in dropped} | translated


def _said_twice(name: str, value: object) -> InvalidInput:
    message = f"this is the same as {OPENAI_NAMES[name]}; send one of them"
    return InvalidInput([_problem(name, message, value)])


def _problem(name: str, message: str, value: object) -> dict[str, Any]:
    return {"loc": ["body", name], "msg": message, "type": "value_error", "input": shorten(value)}
