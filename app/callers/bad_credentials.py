"""How often an address sent a credential that does not count: beyond a limit it is told to wait.

A key cannot be guessed, but somebody who tries, or a program with an old key, need not be answered as often
as it asks. Only refusals are counted and only they are changed: from the same address a good key is heard as
ever, and nothing of this is looked at for it.
"""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from app.errors import FluxgateError, RateLimited, Unauthorized
from app.operations.client_address import address_of

WINDOW_SECONDS = 60.0
ADDRESSES_AT_MOST = 10_000
# What one line of a provider's customer is, in an internet of such addresses.
IPV6_NETWORK_BITS = 64

log = structlog.get_logger()


@dataclass(slots=True)
class _Window:
    ends_at: float
    count: int = 0


class BadCredentials:
    """Counts refusals by address, each process for itself."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        # All windows are equally long, so they end in the order in which they were opened.
        self._windows: OrderedDict[str, _Window] = OrderedDict()

    def __len__(self) -> int:
        """How many addresses are remembered."""
        return len(self._windows)

    def answer_to(self, address: str, refusal: Unauthorized) -> FluxgateError:
        """The refusal, or a request to wait in its place."""
        now, who = self._clock(), _network_of(address)
        window = self._windows.get(who)
        if window is None or window.ends_at <= now:
            window = self._open(who, now)
        window.count += 1
        if window.count <= self._per_minute:
            return refusal
        if window.count == self._per_minute + 1:
            log.warning("credentials.refused_often", address=who, per_minute=self._per_minute)
        return RateLimited(
            f"More than {self._per_minute} requests without a good credential came from your address within "
            "a minute; correct the key first.",
            retry_after_seconds=math.ceil(window.ends_at - now),
        )

    def _open(self, who: str, now: float) -> _Window:
        """A window as the newest; what has ended goes, and beyond the most that are kept the oldest."""
        windows = self._windows
        windows.pop(who, None)
        while windows and (len(windows) >= ADDRESSES_AT_MOST or next(iter(windows.values())).ends_at <= now):
            windows.popitem(last=False)
        window = windows[who] = _Window(now + WINDOW_SECONDS)
        return window


def _network_of(address: str) -> str:
    """Whoever has one address of version 6 has a whole network of them."""
    parsed = address_of(address)
    if parsed is None or parsed.version == 4:
        return str(parsed or address)
    return str(ipaddress.ip_network((parsed, IPV6_NETWORK_BITS), strict=False))
