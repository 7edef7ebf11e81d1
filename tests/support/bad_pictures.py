"""Files that are no pictures, or that do harm to whoever opens them as such."""

import struct
import zlib
from io import BytesIO

from PIL import Image

from tests.support.pictures import picture

HTML = b"<!doctype html><script>alert(document.domain)</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"


def large(side: int = 256) -> bytes:
    """A picture of noise, which does not get small."""
    return saved(Image.effect_noise((side, side), 80).convert("RGB"), "PNG")


def bomb(width: int, height: int) -> bytes:
    """A small PNG whose header claims to be of this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def polyglot() -> bytes:
    """A picture that is a page, too, for whoever looks for one."""
    return picture("PNG") + HTML


def animated(image_format: str) -> bytes:
    """A picture that moves, from red to blue."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    buffer = BytesIO()
    frames[0].save(buffer, image_format, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    return buffer.getvalue()


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
