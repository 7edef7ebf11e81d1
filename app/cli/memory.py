"""How freed memory goes back to the system."""

import ctypes
from typing import Final

# Of glibc, and of no other C library.
M_MMAP_THRESHOLD: Final = -3
LARGE_BYTES: Final = 1_000_000


def give_large_blocks_back() -> None:
    """Has every block of a megabyte or more go back as soon as it is free.

    Left to itself glibc raises that bound with the largest block that was ever freed, to 32 MB, and then each
    thread that has read or signed one large result keeps as much for the next, for good.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
