"""Pictures of pages, small enough to be kept in the repository."""

from pathlib import Path

from PIL import Image

COLOURS = 80


def make_small(file: Path, longest: int) -> None:
    """Cuts off what is below so many pixels, and keeps as many colours as a page needs."""
    with Image.open(file) as whole:
        page = whole.convert("RGB").crop((0, 0, whole.width, min(whole.height, longest)))
    # Small marks keep their colours, which the median of all would swallow.
    page.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)
