"""How many callers of one credential may wait within a request at once, in this process.

Each of them holds a connection and a place in memory for minutes, and no other limit counts them: a job that
has a hundred listeners is one job.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

from app.callers.caller import Caller
from app.errors import TooManyWaiting

RETRY_AFTER_SECONDS = 5


class Waits:
    """Counts those who wait; a browser token has places of its own."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[UUID, int] = {}

    def __len__(self) -> int:
        """Of how many credentials somebody waits."""
        return len(self._waiting)

    def place(self, caller: Caller) -> AbstractContextManager[None]:
        """A place for one who waits, taken now and given back at the end of the block.

        Raises:
            TooManyWaiting: all are taken.
        """
        taken = self.place_if_free(caller)
        if taken is None:
            raise TooManyWaiting(
                f"{self._limit} requests with this credential wait for an answer already; poll the status, "
                "or come again when one of them has ended.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        return taken

    def place_if_free(self, caller: Caller) -> AbstractContextManager[None] | None:
        """The same for one who can do without."""
        credential = caller.token_id or caller.key_id
        waiting = self._waiting.get(credential, 0)
        if waiting >= self._limit:
            return None
        self._waiting[credential] = waiting + 1
        return self._taken(credential)

    @contextmanager
    def _taken(self, credential: UUID) -> Iterator[None]:
        try:
            yield
        finally:
            self._waiting[credential] -= 1
            if not self._waiting[credential]:
                del self._waiting[credential]
