"""Names to addresses, in threads of their own and with an end to every wait."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Final

from app.webhooks.networks import IpAddress

# What a name stands for: every address, in the order in which they should be tried.
Lookup = Callable[[str], Sequence[IpAddress]]

THREADS: Final = 16


class UnresolvedError(Exception):
    """The name stands for no address now, or nobody said in time."""


class Resolver:
    """Asks the system for addresses.

    Not by way of the event loop: its few threads for names are the ones that find PostgreSQL and Redis too,
    and a name server that does not answer, which whoever names a webhook may choose, would keep them busy.
    """

    def __init__(self, look_up: Lookup) -> None:
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhook-names")

    async def addresses(self, host: str, *, seconds: float) -> Sequence[IpAddress]:
        """The addresses of a host; `127.1` and `0x7f000001` are names of 127.0.0.1 here as everywhere.

        Raises:
            UnresolvedError: there are none, or they did not come within so many seconds.
        """
        asking = asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host)
        try:
            async with asyncio.timeout(seconds):
                found = await asking
        except (TimeoutError, OSError, UnicodeError) as error:
            raise UnresolvedError(host) from error
        if not found:
            raise UnresolvedError(host)
        return found

    def close(self) -> None:
        """Takes no further questions; answers that are still to come are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def ask_system(host: str) -> Sequence[IpAddress]:
    """What the system's resolver says; as bytes, since it would read a text by rules of its own."""
    found = socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)
    # A link-local address comes with its interface behind a percent sign.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
