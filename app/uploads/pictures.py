"""Whether an upload is a picture of a kind that is taken, and what it is declared as. Pure."""

from types import MappingProxyType
from typing import Final

from app.errors import UnsupportedMediaType
from app.upstream.picture_types import TAKEN, type_of

# What some programs write for a type of the list.
OTHER_NAMES: Final = MappingProxyType({"image/jpg": "image/jpeg", "image/x-png": "image/png"})


def declared_type(content_type: str) -> str:
    """The type that a picture is declared as, in the one spelling that is stored.

    Raises:
        UnsupportedMediaType: it is not one of those that are taken.
    """
    name = content_type.partition(";")[0].strip().lower()
    name = OTHER_NAMES.get(name, name)
    if name not in TAKEN:
        raise UnsupportedMediaType(f"Uploads are pictures: {_taken()}.")
    return name


def check_content(content: bytes, declared: str) -> None:
    """Lets a picture pass that is what it is declared as.

    Raises:
        UnsupportedMediaType: its first bytes are those of something else.
    """
    found = type_of(content)
    if found is None:
        raise UnsupportedMediaType(f"This is no picture of a kind that is taken: {_taken()}.")
    if found != declared:
        raise UnsupportedMediaType(f"This is declared as {declared}, but its first bytes say {found}.")


def _taken() -> str:
    return ", ".join(sorted(TAKEN))
