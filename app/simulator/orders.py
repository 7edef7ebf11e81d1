"""What a submitted body orders: which images, how long they take and how many units they cost."""

import zlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.simulator.directives import Directives, read_directives
from app.simulator.inputs import ModelInput, find_input

# How long a model runs against flux-1/dev; the first word found in its id decides.
PACES = (("schnell", 0.3), ("ultra", 2.0), ("max", 2.0), ("pro", 1.5))
PRICED_BY_IMAGE = ("kontext", "ultra")


@dataclass(frozen=True)
class Order:
    """One accepted input, ready to be run.

    Attributes:
        model: the full endpoint id, as in `fal-ai/flux-1/dev`.
        asked: the checked input.
        seed: the seed asked for, or one that follows from the job's id.
        directives: what the prompt asks to go wrong.
        pace: how long it runs, in multiples of one image of flux-1/dev.
    """

    model: str
    asked: ModelInput
    seed: int
    directives: Directives
    pace: float

    @property
    def app(self) -> str:
        """The part of the model id under which fal keeps the job: its first two segments."""
        segments = self.model.split("/")
        namespaced = segments[0] in ("workflows", "comfy")
        return "/".join(segments[: 3 if namespaced else 2])

    @property
    def billable_units(self) -> str:
        """Images, or megapixels of all images together, as a decimal."""
        if any(word in self.model for word in PRICED_BY_IMAGE):
            return str(self.asked.num_images)
        width, height = self.asked.pixels
        return f"{Decimal(width * height * self.asked.num_images) / 1_000_000:f}"


def read_order(model: str, body: dict[str, Any], job_id: str) -> Order:
    """Checks a body against its model.

    Raises:
        pydantic.ValidationError: the body is not an input of that model.
    """
    asked = find_input(model).model_validate(body)
    seed = UUID(job_id).int % 2**32 if asked.seed is None else asked.seed
    return Order(
        model=model,
        asked=asked,
        seed=seed,
        directives=read_directives(asked.prompt),
        pace=_pace(model, asked, seed),
    )


def _pace(model: str, asked: ModelInput, seed: int) -> float:
    default_steps = 4 if "schnell" in model else asked.default_steps
    steps = (asked.num_inference_steps or default_steps) / default_steps
    jitter = 0.85 + 0.3 * (zlib.crc32(f"{seed} {asked.prompt}".encode("utf-8", "replace")) % 1000) / 1000
    by_model = next((pace for word, pace in PACES if word in model), 1.0)
    return by_model * steps * (0.75 + 0.25 * asked.num_images) * jitter
