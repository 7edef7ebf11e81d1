"""What was asked for in this process before: then looking for an earlier answer is worth a statement."""

from collections import OrderedDict
from typing import Final

REMEMBERED: Final = 50_000


class Asked:
    """The digests of the last requests whose answers may be given again. To be wrong costs one statement."""

    def __init__(self, *, limit: int = REMEMBERED) -> None:
        self._limit = limit
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def before(self, digest: bytes) -> bool:
        """Whether this was asked for before; from now on it was."""
        is_known = digest in self._digests
        self._digests[digest] = None
        if len(self._digests) > self._limit:
            self._digests.popitem(last=False)
        return is_known
