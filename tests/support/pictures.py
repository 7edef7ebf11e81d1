"""Small real pictures, and the calls by which clients bring them."""

from base64 import b64decode
from io import BytesIO

import httpx
from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "AVIF")


def picture(image_format: str = "PNG", colour: tuple[int, int, int] = (200, 30, 60)) -> bytes:
    """A picture of one colour."""
    buffer = BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, format=image_format)
    return buffer.getvalue()


def padded(size: int) -> bytes:
    """What counts as a PNG and has exactly so many bytes."""
    return picture().ljust(size, b"\0")[:size]


def carried(data_uri: str) -> tuple[str, bytes]:
    """The type and the bytes of a data URI."""
    head, _, text = data_uri.partition(";base64,")
    return head.removeprefix("data:"), b64decode(text, validate=True)


def require_picture(url: str) -> None:
    """Fetches what a program printed and opens it."""
    answer = httpx.get(url.strip(), trust_env=False, timeout=60)
    assert Image.open(BytesIO(answer.content)).width > 0
