"""A connection that ended a moment ago, before whoever uses it was told."""

from typing import Final

# What uvloop says when something is written then; asyncio's own loop says it with an OSError.
_WORDS: Final = "the handler is closed"


def is_broken_off(error: RuntimeError) -> bool:
    """Whether the error is no fault of ours: the other side was quicker."""
    return _WORDS in str(error)
