"""The pictures that a model's answer names."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

# What is larger is read in a thread: it holds whole pictures.
LARGE_BYTES: Final = 500_000


def answer_object(body: bytes) -> dict[str, Any]:
    """A model's answer as far as it is a JSON object; an empty one for all else."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def pictures_of(answer: Mapping[str, Any]) -> list[Any] | None:
    """The pictures, which some models give as a list and others as one object; None when there are none."""
    pictures, picture = answer.get("images"), answer.get("image")
    if isinstance(pictures, list):
        return pictures
    return [picture] if isinstance(picture, dict) else None


def url_of(picture: object) -> str | None:
    """Where a picture is: a web address or a data URI; None where it does not tell."""
    url = picture.get("url") if isinstance(picture, dict) else None
    return url if isinstance(url, str) else None


async def urls_in(body: bytes) -> list[str | None]:
    """Where each picture of an answer is, in its order; see `url_of`."""
    return await asyncio.to_thread(_urls_in, body) if len(body) > LARGE_BYTES else _urls_in(body)


def _urls_in(body: bytes) -> list[str | None]:
    return [url_of(picture) for picture in pictures_of(answer_object(body)) or ()]
