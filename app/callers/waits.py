"""How many callers of one credential may wait within a request at once, in this process.

Each of them holds a connection and a place in memory for minutes, and no other limit counts them: a job that
has a hundred listeners is one job.
"""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final
from uuid import UUID

from app.callers.caller import Caller
from app.errors import TooManyWaiting

RETRY_AFTER_SECONDS = 5


# So many browser tokens at the least it takes to use up the places of their key.
TOKENS_AT_LEAST: Final = 4


class Waits:
    """Counts those who wait.

    Who waits with a browser token has one of its key's places, since a key may have any number of tokens;
    and one token has a quarter of them at most, so that no page alone keeps its own backend out.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._token_limit = math.ceil(limit / TOKENS_AT_LEAST)
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
                "As many requests with this credential as may do wait for an answer; poll the status, "
                "or come again when one of them has ended.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        return taken

    def place_if_free(self, caller: Caller) -> AbstractContextManager[None] | None:
        """The same for one who can do without."""
        limits = {caller.key_id: self._limit}
        if caller.token_id is not None:
            limits[caller.token_id] = self._token_limit
        if any(self._waiting.get(credential, 0) >= limit for credential, limit in limits.items()):
            return None
        for credential in limits:
            self._waiting[credential] = self._waiting.get(credential, 0) + 1
        return self._taken(*limits)

    @contextmanager
    def _taken(self, *credentials: UUID) -> Iterator[None]:
        try:
            yield
        finally:
            for credential in credentials:
                self._waiting[credential] -= 1
                if not self._waiting[credential]:
                    del self._waiting[credential]
