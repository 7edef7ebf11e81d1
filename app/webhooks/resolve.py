"""Names to addresses, in threads of their own and with an end to every wait."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from ipaddress import ip_address
from queue import SimpleQueue
from threading import Thread
from typing import Final

from app.webhooks.networks import IpAddress

# What a name stands for: every address, in the order in which they should be tried.
Lookup = Callable[[str], Sequence[IpAddress]]
Question = tuple[str, "Future[Sequence[IpAddress]]"]

THREADS: Final = 16


class UnresolvedError(Exception):
    """The name stands for no address now, or nobody said in time."""


class Resolver:
    """Asks the system for addresses.

    Not by way of the event loop: its few threads for names are the ones that find PostgreSQL and Redis too,
    and a name server that does not answer, which whoever names a webhook may choose, would keep them busy.
    Nor by a pool of the standard library, whose threads are waited for when the process ends.
    """

    def __init__(self, look_up: Lookup) -> None:
        self._look_up = look_up
        self._questions: SimpleQueue[Question | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._answer, name=f"webhook-names-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    async def addresses(self, host: str, *, seconds: float) -> Sequence[IpAddress]:
        """The addresses of a host; `127.1` and `0x7f000001` are names of 127.0.0.1 here as everywhere.

        Raises:
            UnresolvedError: there are none, or they did not come within so many seconds.
        """
        asking: Future[Sequence[IpAddress]] = Future()
        self._questions.put((host, asking))
        try:
            async with asyncio.timeout(seconds):
                found = await asyncio.wrap_future(asking)
        except (TimeoutError, OSError, ValueError) as error:
            raise UnresolvedError(host) from error
        if not found:
            raise UnresolvedError(host)
        return found

    def close(self) -> None:
        """Takes no further questions; answers that are still to come are not waited for."""
        for _ in self._threads:
            self._questions.put(None)

    def _answer(self) -> None:
        """What each thread does: one question after another, but for those that nobody waits for any more."""
        while (question := self._questions.get()) is not None:
            host, asking = question
            if not asking.set_running_or_notify_cancel():
                continue
            try:
                asking.set_result(self._look_up(host))
            except (OSError, ValueError) as error:
                asking.set_exception(error)


def ask_system(host: str) -> Sequence[IpAddress]:
    """What the system's resolver says; as bytes, since it would read a text by rules of its own."""
    found = socket.getaddrinfo(host.encode(), None, type=socket.SOCK_STREAM)
    # A link-local address comes with its interface behind a percent sign.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))
