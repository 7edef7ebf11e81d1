import pytest

from app.errors import UnsupportedMediaType
from app.uploads.pictures import check_content, declared_type
from app.upstream.picture_types import type_of
from tests.support.pictures import FORMATS, picture


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_real_picture_is_known_by_its_first_bytes(image_format: str) -> None:
    found = type_of(picture(image_format))
    assert found == f"image/{image_format.lower()}"
    check_content(picture(image_format), found)


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
