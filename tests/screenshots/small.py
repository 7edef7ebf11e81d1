"""Pictures of pages, small enough to be kept in the repository."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

# The colours that a page is full of stay exactly as they are, the others become the nearest of a few more.
EXACT = 48
OTHERS = 64


def make_small(file: Path, longest: int) -> None:
    """Cuts off what is below so many pixels, and keeps as many colours as a page needs."""
    with Image.open(file) as whole:
        page = whole.convert("RGB").crop((0, 0, whole.width, min(whole.height, longest)))
    found = sorted(page.getcolors(page.width * page.height) or [], reverse=True)
    exact = [channel for _, colour in found[:EXACT] for channel in _channels(colour)]
    others = page.quantize(OTHERS).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*exact, *others[: 3 * OTHERS]])
    page.quantize(palette=palette, dither=Image.Dither.NONE).save(file, optimize=True)


def _channels(colour: object) -> Sequence[int]:
    assert isinstance(colour, tuple)
    return colour
