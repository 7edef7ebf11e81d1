"""The keys by which the upstream's webhooks are recognised, remembered for a day."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from app.errors import UpstreamUnavailable
from app.upstream.errors import UpstreamFault
from app.webhooks.incoming_signature import Signed, read_web_keys

log = structlog.get_logger()

# fal asks receivers to keep its keys no longer than a day.
KEPT_SECONDS = 86_400.0
# A signature that no key fits may be by a new key, or a forgery; only the first is worth a question.
BETWEEN_FETCHES_SECONDS = 60.0
AFTER_FAULT_SECONDS = 5.0


class IncomingKeys:
    """Keys that are fetched when they are needed, once for all who need them.

    Args:
        fetch: gets the document with the keys; raises `UpstreamFault`.
        clock: seconds that never go back.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[bytes]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._turn = asyncio.Lock()
        self._keys: tuple[bytes, ...] = ()
        self._fetched_at = float("-inf")
        self._next_fetch_at = float("-inf")

    async def fit(self, signed: Signed) -> bool:
        """Whether one of the upstream's keys made this signature.

        Raises:
            UpstreamUnavailable: there are no keys to tell, and none can be had now.
        """
        if signed.is_by_one_of(self._known()):
            return True
        await self._renew(self._fetched_at)
        if not self._known():
            raise UpstreamUnavailable(
                "The keys of the upstream cannot be had now; send this again.", retry_after_seconds=5
            )
        return signed.is_by_one_of(self._known())

    def _known(self) -> tuple[bytes, ...]:
        return self._keys if self._clock() - self._fetched_at < KEPT_SECONDS else ()

    async def _renew(self, seen_at: float) -> None:
        """Fetches the keys anew, unless somebody has since they were last looked at, or only just before."""
        async with self._turn:
            if self._fetched_at != seen_at or self._clock() < self._next_fetch_at:
                return
            try:
                keys = read_web_keys(await self._fetch())
            except UpstreamFault as error:
                log.warning("webhook.keys_unavailable", error=str(error))
                keys = ()
            self._next_fetch_at = self._clock() + (BETWEEN_FETCHES_SECONDS if keys else AFTER_FAULT_SECONDS)
            if keys:
                self._keys, self._fetched_at = keys, self._clock()
