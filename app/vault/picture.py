"""What a picture is: its kind by its first bytes, its size by its header, and a small one of it.

Whoever gives the bytes may mean harm. A size is read before anything is decoded, one decoder alone is let
near the bytes, and of what moves only the first frame is looked at. None of it runs in the event loop.
"""

import struct
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from app.upstream.picture_types import type_of

# Pillow warns from here on. Four bytes for each are 360 MB, so larger ones than the next are not decoded.
MOST_PIXELS: Final = 89_478_485
DECODED_PIXELS: Final = 40_000_000
THUMBNAIL_SIDE: Final = 320
THUMBNAIL_TYPE: Final = "image/webp"
THUMBNAIL_QUALITY: Final = 80

# Those that shrink well as they are.
PLAIN_MODES: Final = frozenset({"L", "RGB", "RGBA"})

# What Pillow's decoders raise for what is broken; they were written over thirty years, by many.
BROKEN: Final = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class ExaminedPicture:
    """A picture that is kept.

    Attributes:
        thumbnail: a small WebP; None of a picture that is too large to be decoded here.
    """

    media_type: str
    width: int
    height: int
    thumbnail: bytes | None = field(repr=False)


class UnfitPictureError(Exception):
    """Why these bytes are not kept, for people."""


def examine_picture(content: bytes) -> ExaminedPicture:
    """Looks at bytes of whatever origin.

    Raises:
        UnfitPictureError: they are no picture of a kind that is kept, broken, or very large.
    """
    media_type = type_of(content)
    if media_type is None:
        raise UnfitPictureError("its first bytes are not those of a picture that is kept")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _examine(content, media_type)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnfitPictureError(f"it has more than {MOST_PIXELS} pixels") from error
    except BROKEN as error:
        raise UnfitPictureError(f"it is broken: {type(error).__name__}") from error


def _examine(content: bytes, media_type: str) -> ExaminedPicture:
    decoder = media_type.removeprefix("image/").upper()
    with Image.open(BytesIO(content), formats=[decoder]) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise UnfitPictureError(f"it has more than {MOST_PIXELS} pixels")
        is_decoded = width * height <= DECODED_PIXELS
        return ExaminedPicture(media_type, width, height, _thumbnail(image) if is_decoded else None)


def _thumbnail(image: Image.Image) -> bytes:
    """The picture again, at most so many pixels a side; what is broken shows now."""
    # A JPEG is decoded no larger than needed.
    image.draft("RGB", (THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    image.load()
    small: Image.Image = image if image.mode in PLAIN_MODES else image.convert("RGBA")
    # In place: a copy of a large picture is as large.
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    upright = ImageOps.exif_transpose(small)
    out = BytesIO()
    shown = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    shown.save(out, "WEBP", quality=THUMBNAIL_QUALITY, icc_profile=b"", exif=b"", xmp=b"")
    return out.getvalue()
