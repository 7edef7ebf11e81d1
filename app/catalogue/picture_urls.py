"""Where a given picture may come from: the web or the request itself, never a file of anybody's machine."""

import binascii
import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

URL_LIMIT: Final = 8_192
DATA_URI_LIMIT: Final = 25_000_000

_DATA_URI: Final = re.compile(
    r"data:[\w.+-]+/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII | re.IGNORECASE
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f]")


def _accept_picture_url(given: str) -> str:
    if given[:5].lower() == "data:":
        _check_data_uri(given)
    elif not is_web_url(given):
        raise PydanticCustomError("url_parsing", "Input should be an http or https URL or a base64 data URI")
    return given


def _check_data_uri(given: str) -> None:
    head = _DATA_URI.match(given)
    if head is None:
        raise PydanticCustomError("data_uri", "Input should be a data URI like data:image/png;base64,…")
    try:
        binascii.a2b_base64(given[head.end() :], strict_mode=True)
    except ValueError:
        raise PydanticCustomError("data_uri", "Input should be a data URI with valid base64") from None


def is_web_url(given: str) -> bool:
    """Whether this is a whole http or https URL of a sensible length."""
    if len(given) > URL_LIMIT or _UNPRINTABLE.search(given):
        return False
    try:
        parts = urlsplit(given)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


PictureUrl = Annotated[
    str,
    Field(max_length=DATA_URI_LIMIT, description="The URL of a picture, or the picture as a data URI."),
    AfterValidator(_accept_picture_url),
]
