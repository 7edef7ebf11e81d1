"""Short words from process to process through Redis: hints that come at once or not at all.

Whoever leans on them has a timer beside them, and asks `is_heard` how fast that has to run.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from secrets import token_hex

import structlog
from redis.asyncio import Redis, from_url
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from app.storage.broken_off import is_broken_off
from app.storage.redis import Announcement

# A connection that is silent for longer than two of these is taken for dead: a frozen Redis closes nothing.
PING_SECONDS = 1.0
SILENCE_SECONDS = 2.5
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 2.0

log = structlog.get_logger()


class Announcements:
    """Listens on one channel; announcing goes through `Speed.write`, together with what is announced."""

    def __init__(self, client: Redis, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._sender = token_hex(8)
        self._heard_at = float("-inf")

    @classmethod
    def connect(cls, url: str, channel: str) -> "Announcements":
        """Prepares the connection; it is made when somebody listens."""
        client = from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS, retry=None
        )
        return cls(client, channel)

    @property
    def is_heard(self) -> bool:
        """Whether an announcement that is made now will reach this process, as far as anybody can know."""
        return time.monotonic() - self._heard_at < SILENCE_SECONDS

    def announcement(self, words: Iterable[str]) -> Announcement:
        """The words as this process announces them; it does not hear them itself."""
        return Announcement(self._channel, ",".join((self._sender, *words)))

    async def listen(self, tell: Callable[[list[str]], None]) -> None:
        """Hands on what others announce, until it is cancelled; connects again whenever Redis comes back."""
        while True:
            try:
                async with self._client.pubsub() as channel:
                    await channel.subscribe(self._channel)
                    await self._read(channel, tell)
            except (RedisError, OSError, TimeoutError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not is_broken_off(error):
                    raise
            _obey_cancellation()
            if self.is_heard:
                log.warning("announcements.lost")
            self._heard_at = float("-inf")
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        """Closes the connection."""
        await self._client.aclose()

    async def _read(self, channel: PubSub, tell: Callable[[list[str]], None]) -> None:
        """Reads until the connection fails or is silent; an answer to a ping is a sign of life, too."""
        last_at = pinged_at = time.monotonic()
        while time.monotonic() - last_at < SILENCE_SECONDS:
            message = await channel.get_message(timeout=PING_SECONDS)
            _obey_cancellation()
            now = time.monotonic()
            if message is not None:
                last_at = self._heard_at = now
                if message["type"] == "message":
                    self._hand_on(message["data"], tell)
            if now - pinged_at >= PING_SECONDS:
                pinged_at = now
                await channel.ping()

    def _hand_on(self, announced: bytes, tell: Callable[[list[str]], None]) -> None:
        sender, *words = announced.decode(errors="replace").split(",")
        if sender != self._sender:
            tell(words)


def _obey_cancellation() -> None:
    """The client may take a cancellation that comes with the end of one of its own waits for that end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
