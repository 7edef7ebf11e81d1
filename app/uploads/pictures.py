"""Which pictures are taken, told by their first bytes and by what they are declared as. Pure."""

from types import MappingProxyType
from typing import Final

from app.errors import UnsupportedMediaType

AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
TAKEN: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})
# What some programs write for a type of the list.
OTHER_NAMES: Final = MappingProxyType({"image/jpg": "image/jpeg", "image/x-png": "image/png"})
# How far into a file its brands are looked for; real files name a handful.
BRANDS_LENGTH: Final = 128


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


def type_of(content: bytes) -> str | None:
    """What the first bytes say; None for everything that is not taken."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if _is_avif(content) else None


def _is_avif(content: bytes) -> bool:
    """The file begins with a box of its brands: size, `ftyp`, the main brand, a version, further brands."""
    size = int.from_bytes(content[:4], "big")
    if content[4:8] != b"ftyp" or size < 16:
        return False
    end = min(size, BRANDS_LENGTH, len(content))
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end - 3, 4))]
    return not AVIF_BRANDS.isdisjoint(brands)


def _taken() -> str:
    return ", ".join(sorted(TAKEN))
