from io import BytesIO

import pytest
from PIL import Image

from app.vault.picture import DECODED_PIXELS, MOST_PIXELS, UnfitPictureError, examine_picture
from tests.support.bad_pictures import HTML, SVG, animated, bomb, large, polyglot, saved
from tests.support.pictures import FORMATS, picture


def opened(thumbnail: bytes | None) -> Image.Image:
    assert thumbnail is not None
    return Image.open(BytesIO(thumbnail), formats=["WEBP"])


@pytest.mark.parametrize("image_format", FORMATS)
def test_a_picture_is_what_its_bytes_say(image_format: str) -> None:
    found = examine_picture(picture(image_format))
    assert found.media_type == f"image/{image_format.lower()}"
    assert (found.width, found.height) == opened(found.thumbnail).size == (8, 8)


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((640, 320), (320, 160)),
        ((320, 640), (160, 320)),
        ((321, 2), (320, 2)),
        ((3000, 1), (320, 1)),
        ((10, 20), (10, 20)),
    ],
)
def test_a_thumbnail_has_a_long_side_of_320(size: tuple[int, int], small: tuple[int, int]) -> None:
    found = examine_picture(saved(Image.new("RGB", size), "PNG"))
    assert (found.width, found.height) == size
    assert opened(found.thumbnail).size == small


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_colour_has_a_thumbnail(mode: str) -> None:
    image_format = "JPEG" if mode == "CMYK" else "PNG"
    found = examine_picture(saved(Image.new(mode, (400, 400)), image_format))
    assert opened(found.thumbnail).size == (320, 320)


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "AVIF"])
def test_of_what_moves_the_first_frame_is_looked_at(image_format: str) -> None:
    small = opened(examine_picture(animated(image_format)).thumbnail)
    red, _, blue = small.convert("RGB").getpixel((4, 4))  # type: ignore[misc] # three bands
    assert red > 200
    assert blue < 60
    assert getattr(small, "n_frames", 1) == 1


def test_a_thumbnail_stands_upright_and_tells_nothing_else() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "where I live"
    found = examine_picture(saved(Image.new("RGB", (640, 320)), "JPEG", exif=exif))
    small = opened(found.thumbnail)
    assert (found.width, found.height, small.size) == (640, 320, (160, 320))
    assert not small.getexif()


BAD = {
    "page": (HTML, "first bytes"),
    "svg": (SVG, "first bytes"),
    "nothing": (b"", "first bytes"),
    "bmp": (saved(Image.new("RGB", (8, 8)), "BMP"), "first bytes"),
    "tiff": (saved(Image.new("RGB", (8, 8)), "TIFF"), "first bytes"),
    "bomb": (bomb(60_000, 60_000), "pixels"),
    "wide bomb": (bomb(2**31 - 1, 1), "pixels"),
    "just too many": (bomb(MOST_PIXELS + 1, 1), "pixels"),
    "too few pixels": (bomb(2000, 2000), "broken"),
    "no pixels": (bomb(0, 0), "broken"),
    "half": (large()[:5000], "broken"),
    "a header": (large()[:30], "broken"),
    "png start": (b"\x89PNG\r\n\x1a\n" + HTML, "broken"),
    "gif start": (b"GIF89a/*" + HTML, "broken"),
    "webp start": (b"RIFF\xff\xff\xff\xffWEBP" + HTML, "broken"),
    "jpeg start": (b"\xff\xd8\xff" + HTML, "broken"),
    "avif start": (b"\0\0\0\x20ftypavif" + b"\0" * 100, "broken"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_good_picture_is_not_kept(name: str) -> None:
    content, words = BAD[name]
    with pytest.raises(UnfitPictureError, match=words):
        examine_picture(content)


def test_what_is_too_large_to_be_decoded_is_kept_without_a_thumbnail() -> None:
    found = examine_picture(bomb(DECODED_PIXELS // 1000 + 1, 1000))
    assert (found.width, found.height, found.thumbnail) == (DECODED_PIXELS // 1000 + 1, 1000, None)


def test_a_page_behind_a_picture_changes_nothing() -> None:
    assert examine_picture(polyglot()).media_type == "image/png"
