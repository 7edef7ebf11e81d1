"""Which kinds of pictures are taken, told by their first bytes. Pure."""

from typing import Final

TAKEN: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif"})

_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
# How far into a file its brands are looked for; real files name a handful.
_BRANDS_LENGTH: Final = 128


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
    end = min(size, _BRANDS_LENGTH, len(content))
    brands = [content[8:12], *(content[at : at + 4] for at in range(16, end - 3, 4))]
    return not _AVIF_BRANDS.isdisjoint(brands)
