"""Whoever calls with `fetch` is answered before that gives up."""

import pytest
from starlette.requests import Request

from app.dialects.waiting import longest_wait_seconds


@pytest.mark.parametrize(
    ("agent", "seconds"),
    [
        ("@fal-ai/client/1.10.1", 290),
        ("OpenAI/JS 7.57.0", 290),
        ("Mozilla/5.0 (X11; Linux x86_64)", 290),
        ("node", 290),
        ("fal-client/1.0.3 (python)", 600),
        ("OpenAI/Python 3.57.0", 600),
        ("curl/8.5.0", 600),
        (None, 600),
    ],
)
def test_a_fetch_is_answered_within_its_300_seconds(agent: str | None, seconds: float) -> None:
    headers = [(b"user-agent", agent.encode())] if agent else []
    request = Request({"type": "http", "headers": headers})
    assert longest_wait_seconds(request, 600.0) == seconds
    assert longest_wait_seconds(request, 5.0) == 5.0
