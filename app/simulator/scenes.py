"""What the pictures show: hills under a sun, floating spheres, or flowing ribbons."""

import math
from collections.abc import Callable
from random import Random

from PIL import Image, ImageDraw

from app.simulator.palettes import Colour, Palette, blend_grid, blend_vertically, mix

Size = tuple[int, int]
Curve = Callable[[float], float]

SMOOTHING = 2
CURVE_POINTS = 160


def draw_scene(random: Random, palette: Palette, size: Size) -> Image.Image:
    """One of the scenes, filling the size."""
    scene = random.choice((_hills, _hills, _spheres, _ribbons))
    return _darken_edges(scene(random, palette, size))


def _hills(random: Random, palette: Palette, size: Size) -> Image.Image:
    dark, deep, middle, warm, light = palette
    width, height = size
    image = blend_vertically([deep, middle, warm, light, light], size)
    radius = min(size) * random.uniform(0.07, 0.13)
    centre = (width * random.uniform(0.25, 0.75), height * random.uniform(0.2, 0.38))
    _glow(image, centre, radius * 4.5, light, 0.75)
    _paste(image, mix(light, (255, 255, 255), 0.6), _disc_mask(size, centre, radius))
    ridges = random.randint(5, 7)
    for number in range(ridges):
        depth = number / (ridges - 1)
        ridge = _wave(random, level=0.44 + 0.36 * depth, swing=0.03 + 0.05 * (1 - abs(depth - 0.4)))
        near = mix(mix(warm, middle, min(1.0, depth * 2)), dark, max(0.0, depth * 1.25 - 0.25))
        veil = mix(near, light, 0.35 * (1 - depth))
        fill = blend_vertically([near, near, near, veil, veil], size)
        _paste(image, fill, _band_mask(size, ridge, lambda _x: 1.1))
    return image


def _spheres(random: Random, palette: Palette, size: Size) -> Image.Image:
    dark, deep, middle, warm, light = palette
    image = blend_grid(_shuffled_grid(random, (dark, deep, deep, middle)), size)
    for _ in range(7):
        centre = (size[0] * random.random(), size[1] * random.random())
        _glow(image, centre, min(size) * random.uniform(0.25, 0.6), random.choice((middle, warm)), 0.45)
    for number in range(11):
        radius = min(size) * (0.03 + 0.16 * (number / 10) ** 1.6) * random.uniform(0.8, 1.2)
        centre = (size[0] * random.uniform(0.05, 0.95), size[1] * random.uniform(0.05, 0.8))
        _sphere(image, centre, radius, (random.choice((middle, warm)), light, dark))
    return image


def _ribbons(random: Random, palette: Palette, size: Size) -> Image.Image:
    dark, deep, middle, warm, light = palette
    image = blend_grid(_shuffled_grid(random, (dark, dark, deep, deep)), size)
    count = random.randint(8, 11)
    base = _wave(random, level=0.0, swing=0.13)
    for number in range(count):
        share = number / (count - 1)
        upper = _shifted(base, 0.12 + 0.6 * share, _wave(random, level=0.0, swing=0.02))
        lower = _shifted(base, 0.12 + 0.6 * share + random.uniform(0.06, 0.16), _wave(random, 0.0, 0.03))
        left, right = random.sample((deep, middle, warm, light), 2)
        fill = blend_grid([[left, mix(left, right, 0.5), right]], size)
        _paste(image, fill, _band_mask(size, upper, lower).point(lambda value: value * 0.72))
    return image


def _wave(random: Random, level: float, swing: float) -> Curve:
    """A soft curve over 0..1 around a level; both in shares of the height."""
    parts = [
        (swing / (n + 1), random.uniform(0.7, 1.5) * (n + 1), random.uniform(0, math.tau)) for n in range(3)
    ]
    return lambda x: level + sum(a * math.sin(math.tau * f * x + p) for a, f, p in parts)


def _shifted(base: Curve, level: float, detail: Curve) -> Curve:
    return lambda x: level + base(x) + detail(x)


def _shuffled_grid(random: Random, colours: tuple[Colour, ...]) -> list[list[Colour]]:
    return [[random.choice(colours) for _ in range(4)] for _ in range(3)]


def _sphere(
    image: Image.Image, centre: tuple[float, float], radius: float, tones: tuple[Colour, ...]
) -> None:
    """A lit ball: its light comes from the upper left, its shade falls to the lower right."""
    body, light, dark = tones
    side = max(4, round(radius * 2))
    # Only a part of the ring is cut out, so that the brightest point is not in the middle of the ball.
    lit = Image.radial_gradient("L").crop((64, 72, 256, 256)).resize((side, side), Image.Resampling.BICUBIC)
    ball = Image.composite(
        Image.new("RGB", (side, side), mix(body, dark, 0.45)), Image.new("RGB", (side, side), body), lit
    )
    shine = lit.point(lambda value: max(0, 190 - value * 2))
    ball.paste(light, (0, 0), shine)
    mask = _disc_mask((side, side), (side / 2, side / 2), side / 2 - 1).point(lambda value: value * 0.93)
    image.paste(ball, (round(centre[0] - side / 2), round(centre[1] - side / 2)), mask)


def _glow(
    image: Image.Image, centre: tuple[float, float], radius: float, colour: Colour, strength: float
) -> None:
    side = max(4, round(radius * 2))
    fall = Image.radial_gradient("L").resize((side, side), Image.Resampling.BICUBIC)
    mask = fall.point(lambda value: strength * max(0, 181 - value) ** 2 / 181**2 * 255)
    image.paste(colour, (round(centre[0] - side / 2), round(centre[1] - side / 2)), mask)


def _disc_mask(size: Size, centre: tuple[float, float], radius: float) -> Image.Image:
    def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
        pen.circle((centre[0] * scale, centre[1] * scale), radius * scale, fill=255)

    return _mask(size, draw)


def _band_mask(size: Size, upper: Curve, lower: Curve) -> Image.Image:
    def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
        width, height = size[0] * scale, size[1] * scale
        steps = [number / CURVE_POINTS for number in range(CURVE_POINTS + 1)]
        along = [(x * width, upper(x) * height) for x in steps]
        back = [(x * width, lower(x) * height) for x in reversed(steps)]
        pen.polygon(along + back, fill=255)

    return _mask(size, draw)


def _mask(size: Size, draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Image.Image:
    # Pillow draws hard edges; drawn larger and shrunk they are smooth.
    mask = Image.new("L", (size[0] * SMOOTHING, size[1] * SMOOTHING))
    draw(ImageDraw.Draw(mask), SMOOTHING)
    return mask.reduce(SMOOTHING)


def _paste(image: Image.Image, fill: Image.Image | Colour, mask: Image.Image) -> None:
    image.paste(fill, (0, 0, *image.size), mask)


def _darken_edges(image: Image.Image) -> Image.Image:
    ring = Image.radial_gradient("L").resize(image.size, Image.Resampling.BICUBIC)
    image.paste((0, 0, 0), (0, 0, *image.size), ring.point(lambda value: max(0, value - 110) * 0.45))
    return image
