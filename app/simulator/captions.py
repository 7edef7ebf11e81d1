"""The letters on a picture: its prompt, large enough to read, and a small line of facts."""

from contextlib import suppress
from typing import cast
from unicodedata import combining, normalize

from PIL import Image, ImageDraw, ImageFont

Font = ImageFont.FreeTypeFont

SMALLEST_SIDE = 96
SMALLEST_LETTERS = 9.0
LONGEST_PROMPT = 600
BUNDLED_BEYOND_ASCII = frozenset("·…")
# Pillow's own font is the same everywhere but has hardly more than ASCII; others are taken where found.
WIDER_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansSC-Regular.otf",
    "wqy-microhei.ttc",
    "PingFang.ttc",
    "Arial Unicode.ttf",
    "msyh.ttc",
    "DejaVuSans.ttf",
)


def write_caption(image: Image.Image, prompt: str, facts: tuple[str, ...]) -> None:
    """Writes the prompt and the facts at the foot of a picture, on a ground dark enough to read them."""
    width, height = image.size
    if min(width, height) < SMALLEST_SIDE:
        return
    margin = max(8, min(width, height) // 24)
    font, lines = _fit(_readable(prompt), width - 2 * margin, height * 0.4, min(width, height) / 20)
    small = _font("", max(SMALLEST_LETTERS, min(width, height) / 46))
    step, foot = _line_height(font), _line_height(small) * 1.6
    top = height - margin - foot - step * len(lines)
    _shade(image, round(top - 2.5 * margin))
    pen = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        pen.text((margin, top + number * step), line, font=font, fill=(255, 255, 255))
    fitting = _wrap("  ·  ".join(facts), small, width - 2 * margin)[0]
    pen.text((margin, height - margin), fitting.strip(" ·"), font=small, fill=(214, 218, 226), anchor="ls")


def _fit(text: str, width: float, height: float, size: float) -> tuple[Font, list[str]]:
    """The largest font, down to half the wanted size, in which the text fits; else as much as fits."""
    for share in (1.0, 0.85, 0.7, 0.55):
        font = _font(text, max(SMALLEST_LETTERS, size * share))
        lines, room = _wrap(text, font, width), max(1, int(height / _line_height(font)))
        if len(lines) <= room:
            break
    else:
        lines[room - 1] = lines[room - 1].rstrip(" .,") + "…"
    return font, lines[:room]


def _wrap(text: str, font: Font, width: float) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        # A word that is wider than the picture, or a script without spaces, is broken between letters.
        lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _readable(prompt: str) -> str:
    """The start of the prompt on one line, without what no font draws and, at need, without accents."""
    start = prompt[:LONGEST_PROMPT] + ("…" if len(prompt) > LONGEST_PROMPT else "")
    line = " ".join(start.split())
    if (
        not line.isascii()
        and _font(line, SMALLEST_LETTERS).getname() == _font("", SMALLEST_LETTERS).getname()
    ):
        line = "".join(letter for letter in normalize("NFD", line) if not combining(letter))
    return "".join(letter for letter in line if letter.isprintable())


def _font(text: str, size: float) -> Font:
    """The bundled font, or for letters that it lacks the first wider one that this machine has."""
    bundled = all(letter.isascii() or letter in BUNDLED_BEYOND_ASCII for letter in text)
    for name in () if bundled else WIDER_FONTS:
        with suppress(OSError):
            return ImageFont.truetype(name, size)
    return cast("Font", ImageFont.load_default(size))


def _line_height(font: Font) -> float:
    ascent, descent = font.getmetrics()
    return (ascent + descent) * 1.12


def _shade(image: Image.Image, top: int) -> None:
    width, height = image.size
    top = max(0, top)
    fade = Image.linear_gradient("L").resize((width, height - top), Image.Resampling.BICUBIC)
    image.paste((8, 10, 18), (0, top, width, height), fade.point(lambda value: min(215, value * 1.7)))
