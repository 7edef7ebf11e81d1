from io import BytesIO

import pytest
from PIL import Image

from app.upstream.picture_types import type_of

AVIF = b"\0\0\0\x20ftyp"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"GIF87a...", "image/gif"),
        (AVIF + b"avif\0\0\0\0mif1avifmiaf", "image/avif"),
        (AVIF + b"avis\0\0\0\0msf1", "image/avif"),
        (AVIF + b"mif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (AVIF + b"mif1\0\0\0\0mif1heic", None),
        (b"\0\0\0\x14ftypmif1\0\0\0\0miafavif", None),  # the second brand is behind the box's end
        (AVIF + b"isomavif", None),  # the version of a film, not a brand
        (b"\0\0\0\x08ftypavif", None),
        (b"ftypavif", None),
        (b"RIFF\x10\0\0\0WEBP", "image/webp"),
        (b"RIFF\x10\0\0\0WAVE", None),
        (b"\x89PNG\r\n\x1a", None),
        (b"\x89PNG\n\x1a\n", None),
        (b" \x89PNG\r\n\x1a\n", None),
        (b"\xff\xd8", None),
        (b"GIF88a", None),
        (b"", None),
        (b"BM\x36\x10", None),
        (b"II*\0", None),
        (b"%PDF-1.7", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b"PK\x03\x04", None),
        (b"{}", None),
    ],
)
def test_the_first_bytes_decide(content: bytes, found: str | None) -> None:
    assert type_of(content) == found


def test_other_kinds_of_pictures_are_not_taken() -> None:
    for image_format in ("BMP", "TIFF", "ICO", "PPM"):
        buffer = BytesIO()
        Image.new("RGB", (8, 8)).save(buffer, format=image_format)
        assert type_of(buffer.getvalue()) is None
