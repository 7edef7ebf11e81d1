from io import BytesIO

import pytest
from PIL import Image

from app.errors import UnsupportedMediaType
from app.uploads.pictures import check_content, declared_type, type_of
from tests.support.pictures import FORMATS, picture

AVIF = b"\0\0\0\x20ftyp"


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_real_picture_is_known_by_its_first_bytes(image_format: str) -> None:
    found = type_of(picture(image_format))
    assert found == f"image/{image_format.lower()}"
    check_content(picture(image_format), found)


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


@pytest.mark.parametrize(
    ("declared", "stored"),
    [
        ("image/png", "image/png"),
        ("IMAGE/PNG", "image/png"),
        ("image/PNG; charset=binary", "image/png"),
        (" image/webp ;q=1", "image/webp"),
        ("image/jpg", "image/jpeg"),
        ("image/x-png", "image/png"),
        ("image/avif", "image/avif"),
    ],
)
def test_a_declared_type_has_one_spelling(declared: str, stored: str) -> None:
    assert declared_type(declared) == stored


@pytest.mark.parametrize(
    "declared",
    [
        "",
        "image",
        "image/",
        "image/*",
        "image/svg+xml",
        "image/bmp",
        "image/tiff",
        "image/heic",
        "text/html",
        "text/plain",
        "application/octet-stream",
        "application/json",
        "video/mp4",
        "image/png, text/html",
        "image/png\0",
        "xml; image/png",
    ],
)
def test_other_types_are_refused(declared: str) -> None:
    with pytest.raises(
        UnsupportedMediaType, match="image/avif, image/gif, image/jpeg, image/png, image/webp"
    ):
        declared_type(declared)


def test_a_type_that_is_not_the_pictures_is_refused() -> None:
    with pytest.raises(
        UnsupportedMediaType, match="declared as image/png, but its first bytes say image/jpeg"
    ):
        check_content(picture("JPEG"), "image/png")
    with pytest.raises(UnsupportedMediaType, match="no picture of a kind"):
        check_content(b"<html>", "image/png")
