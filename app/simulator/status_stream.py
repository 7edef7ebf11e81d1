"""The status of one job as server-sent events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson

TICK_SECONDS = 0.05
KEEP_ALIVE_SECONDS = 15.0


async def stream_changes(look: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
    """Sends what `look` sees whenever that changed, a comment every 15 s, and ends with COMPLETED."""
    seen: dict[str, Any] = {}
    sent_at = time.monotonic()
    while seen.get("status") != "COMPLETED":
        now = look()
        if now != seen:
            seen, sent_at = now, time.monotonic()
            yield b"data: " + orjson.dumps(now) + b"\n\n"
            continue
        if time.monotonic() - sent_at > KEEP_ALIVE_SECONDS:
            sent_at = time.monotonic()
            yield b": keep-alive\n\n"
        await asyncio.sleep(TICK_SECONDS)
