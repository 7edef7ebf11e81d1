"""One entry of the catalogue, and what all inputs have in common."""

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict


class ModelInput(BaseModel):
    """The input of a model: strict types, and unknown fields pass.

    The defaults tell what the upstream does without the field; they are documentation and never sent.
    """

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Model:
    """What the gateway knows about one model.

    `app_id` is the part of the id that status and result routes carry. `takes_images` asks for the larger
    limit of the body. `input` is None for a model that is not listed and passes through unchecked.
    """

    id: str
    app_id: str
    takes_images: bool
    input: type[ModelInput] | None
