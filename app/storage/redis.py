"""Redis with a short deadline and a breaker: when it is slow or gone, it is simply not asked for a while."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis, from_url
from redis.exceptions import NoScriptError, RedisError

from app.storage.broken_off import is_broken_off

Answer = TypeVar("Answer")

BREAK_AFTER_FAILURES = 3
BREAK_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, which Redis runs as one step."""

    text: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # Redis names scripts by this digest; it protects nothing.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "digest", digest)


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """The keys and the further values that a script is run with."""

    keys: Sequence[str]
    values: Sequence[str | bytes | int]


@dataclass(frozen=True, slots=True)
class Announcement:
    """What everybody who listens on a channel is told."""

    channel: str
    text: str


class Speed:
    """Values by key with a time to live; every failure is a miss, and nothing waits longer than the deadline.

    Nothing in Redis is the only copy of anything, so a miss costs time and never an answer.
    """

    def __init__(self, client: Redis, *, timeout_seconds: float) -> None:
        self._client = client
        self._timeout_seconds = timeout_seconds
        self._failures = 0
        self._closed_until = 0.0

    @classmethod
    def connect(cls, url: str, *, timeout_seconds: float) -> "Speed":
        """Prepares a pool; the first connection is made when the first value is asked for."""
        client = from_url(
            url,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=None,
            decode_responses=False,
        )
        return cls(client, timeout_seconds=timeout_seconds)

    async def read(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of the keys, in their order; None where there is none or Redis does not answer."""
        if not keys or self._is_open():
            return [None] * len(keys)
        values = await self._attempt(self._client.mget(list(keys)))
        return [value if isinstance(value, bytes) else None for value in values or [None] * len(keys)]

    async def write(
        self, values: dict[str, bytes], *, ttl_seconds: int, announcement: Announcement | None = None
    ) -> None:
        """Stores the values and then announces, or does not: Redis may be away."""
        if self._is_open():
            return
        async with self._client.pipeline(transaction=False) as pipeline:
            for key, value in values.items():
                pipeline.set(key, value, ex=ttl_seconds)
            if announcement is not None:
                pipeline.publish(announcement.channel, announcement.text)
            await self._attempt(pipeline.execute())

    async def run(self, script: Script, calls: Sequence[ScriptCall]) -> list[Any | None]:
        """What the script answers to each call, all in one round trip; None where Redis does not answer.

        Each call is one step for Redis, all of them together are not. A call without an answer may have been
        run nevertheless, or may be run later.
        """
        if not calls or self._is_open():
            return [None] * len(calls)
        return await self._attempt(self._run(script, calls)) or [None] * len(calls)

    @property
    def is_left_alone(self) -> bool:
        """Whether it failed so often in a row that it is only tried now and then."""
        return self._failures >= BREAK_AFTER_FAILURES

    async def is_answering(self) -> bool:
        """Whether Redis answers a ping right now."""
        return bool(await self._attempt(self._client.ping()))

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def _run(self, script: Script, calls: Sequence[ScriptCall]) -> list[Any]:
        answers = await self._send("EVALSHA", script.digest, calls)
        # A Redis that was started anew does not know the script; from the second time on it does.
        unknown = [place for place, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            known = await self._send("EVAL", script.text, [calls[place] for place in unknown])
            for place, answer in zip(unknown, known, strict=True):
                answers[place] = answer
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer
        return answers

    async def _send(self, command: str, script: str, calls: Sequence[ScriptCall]) -> list[Any]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.execute_command(command, script, len(call.keys), *call.keys, *call.values)
            return await pipeline.execute(raise_on_error=False)

    def _is_open(self) -> bool:
        return time.monotonic() < self._closed_until

    async def _attempt(self, call: Awaitable[Answer]) -> Answer | None:
        try:
            # The client's own limits are for each of its steps; a new connection alone takes several. A call
            # that is broken off takes its connection with it, so no later one can read its answer.
            async with asyncio.timeout(self._timeout_seconds):
                answer = await call
        except (RedisError, OSError, TimeoutError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not is_broken_off(error):
                raise
            self._failures += 1
            if self._failures == BREAK_AFTER_FAILURES:
                log.warning("redis.unavailable", error=type(error).__name__)
            if self.is_left_alone:
                self._closed_until = time.monotonic() + BREAK_SECONDS
            return None
        if self.is_left_alone:
            log.info("redis.available")
        self._failures = 0
        return answer
