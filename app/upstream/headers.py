"""Which headers pass from the caller to the upstream, and from the upstream back. Pure."""

import math
import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

# fal.ai/docs/documentation/model-apis/common-parameters. Authorization is never among them, nor is
# anything that would send the upstream's news to somebody else.
SUBMIT_HEADERS = frozenset(
    {
        "x-app-fal-disable-fallback",
        "x-fal-no-retry",
        "x-fal-object-lifecycle-preference",
        "x-fal-queue-priority",
        "x-fal-request-start-timeout",
        "x-fal-request-timeout",
        "x-fal-retry-config",
        "x-fal-runner-hint",
        "x-fal-store-io",
    }
)

RESULT_HEADERS = frozenset(
    {
        "content-type",
        "x-fal-billable-units",
        "x-fal-error-type",
        "x-fal-needs-retry",
        "x-fal-request-timeout-type",
        "x-fal-retryable",
    }
)

LONGEST_VALUE = 1024
LONGEST_WAIT_SECONDS = 600.0


def to_upstream(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The submit headers of fal's documentation that the caller sent, by lower-case name."""
    return _pass(headers, SUBMIT_HEADERS)


def to_caller(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The headers of a result that callers may see, by lower-case name."""
    return _pass(headers, RESULT_HEADERS)


def retry_after_seconds(
    headers: Mapping[str, str], *, longest_seconds: float = LONGEST_WAIT_SECONDS
) -> float | None:
    """What `Retry-After` asks for: seconds or an HTTP date, at least 0 and at most the longest.

    None when it says nothing.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        seconds = float(value) if value.isascii() else float("nan")
    except ValueError:
        seconds = _seconds_until(value)
    return None if math.isnan(seconds) else min(max(seconds, 0.0), longest_seconds)


def _seconds_until(http_date: str) -> float:
    try:
        return parsedate_to_datetime(http_date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return float("nan")


def _pass(headers: Iterable[tuple[str, str]], allowed: frozenset[str]) -> dict[str, str]:
    lowered = ((name.lower(), value) for name, value in headers)
    return {name: value for name, value in lowered if name in allowed and len(value) <= LONGEST_VALUE}
