"""One picture from its prompt and seed: a scene in a palette, with the prompt in readable letters."""

import io
import math
from dataclasses import dataclass
from random import Random

from PIL import Image

from app.simulator.captions import write_caption
from app.simulator.palettes import choose_palette
from app.simulator.scenes import draw_scene

DRAWN_PIXELS = 6_000_000


@dataclass(frozen=True)
class Picture:
    """What decides how a picture looks; equal pictures are equal to the byte.

    Attributes:
        prompt: written on the picture, and with the seed and the number what its look depends on.
        seed: the seed of the job.
        number: which of the job's images this is, from 0.
        width: in pixels.
        height: in pixels.
        image_format: jpeg or png.
        hidden: whether a safety checker has blacked it out.
    """

    prompt: str
    seed: int
    number: int
    width: int
    height: int
    image_format: str
    hidden: bool = False


def draw_picture(picture: Picture) -> bytes:
    """Draws and encodes a picture."""
    size = (picture.width, picture.height)
    image = Image.new("RGB", size) if picture.hidden else _draw(picture, size)
    out = io.BytesIO()
    image.save(out, picture.image_format, quality=90, compress_level=4)
    return out.getvalue()


def _draw(picture: Picture, size: tuple[int, int]) -> Image.Image:
    random = Random(f"{picture.seed} {picture.number} {picture.prompt}")  # noqa: S311 # looks, no secret
    image = draw_scene(random, choose_palette(random), _limit(size)).resize(size, Image.Resampling.BICUBIC)
    facts = (f"seed {picture.seed}", f"{size[0]} x {size[1]}", "made by the Fluxgate simulator")
    write_caption(image, picture.prompt, facts)
    return image


def _limit(size: tuple[int, int]) -> tuple[int, int]:
    """The size to draw a scene in; a larger one is stretched, for drawing takes several times its memory."""
    shrink = math.sqrt(max(1.0, size[0] * size[1] / DRAWN_PIXELS))
    return max(1, round(size[0] / shrink)), max(1, round(size[1] / shrink))
