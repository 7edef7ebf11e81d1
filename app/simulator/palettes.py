"""Colours that go together, from dark to light."""

from random import Random

from PIL import Image

Colour = tuple[int, int, int]
Palette = tuple[Colour, ...]

# Each is five hex colours, so that any scene finds a dark foreground, three middle tones and a light.
PALETTES = (
    "1d2b4f 5b4b8a b56b9c f2a48b fbe3b5",
    "10323a 1f6f78 46a6a0 a8d8b9 f6f1d1",
    "2b1b2e 6b2d4a b8474f ec8a55 f9d98c",
    "14243d 2f4f7f 5f8fc0 a9cbe6 f3efe6",
    "1f2d1f 3f5e3a 7f9a52 c9c27a f4ecc8",
    "221c3f 4a3a86 7f6fc4 c2a9e6 fbe4ee",
    "2a2320 6a4a3c b07a54 e0b384 f7e9d3",
    "0c2233 13516b 2596a6 7fd0c5 ffd9a0",
    "2d132c 6d1a3f c1394b ee7b5b fbc687",
    "1b2440 3d4f8c 8f6fb0 e59ac0 ffd8c2",
)


def choose_palette(random: Random) -> Palette:
    """One of the palettes, dark to light."""
    return tuple(_from_hex(text) for text in random.choice(PALETTES).split())


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour that lies `share` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def blend_vertically(colours: list[Colour], size: tuple[int, int]) -> Image.Image:
    """A picture that passes from colour to colour, from top to bottom."""
    return blend_grid([[colour] for colour in colours], size)


def blend_grid(rows: list[list[Colour]], size: tuple[int, int]) -> Image.Image:
    """A picture that passes softly between the colours of a coarse grid."""
    grid = Image.new("RGB", (len(rows[0]), len(rows)))
    grid.putdata([colour for row in rows for colour in row])
    return grid.resize(size, Image.Resampling.BICUBIC)


def _from_hex(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text)
    return red, green, blue
