"""Reading server-sent events as they come."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support.caller import Caller

PATIENCE_SECONDS = 60.0


class Events:
    """The events of one answer; comments are kept apart."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.iter_lines()

    def lines(self) -> Iterator[str]:
        """Every line but the empty ones; comments come for ever, so a stream without an end is broken off."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for line in self._lines:
            assert time.monotonic() < deadline, "the stream does not end"
            if line:
                yield line

    def __iter__(self) -> Iterator[Any]:
        for line in self.lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


@contextmanager
def status_events(caller: Caller, job_id: str, **params: Any) -> Iterator[Events]:
    """The stream of one job's status."""
    path = f"/fal-ai/flux-1/requests/{job_id}/status/stream"
    with caller.stream("GET", path, params=params, timeout=PATIENCE_SECONDS) as answer:
        yield Events(answer)
