"""Fetching the pictures of finished jobs: from few hosts, without a credential, and nothing but pictures."""

import asyncio
import binascii
import re
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from app.operations.metrics import Metrics
from app.upstream.errors import AnswerTooLargeError, UpstreamFault
from app.upstream.media_hosts import MediaHosts
from app.upstream.picture_types import type_of
from app.upstream.transport import Answer, Transport

ACCEPT: Final = {"accept": "image/*"}
LARGE_CHARACTERS: Final = 500_000

_DATA_URI: Final = re.compile(r"data:image/[\w.+-]+(?:;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NoPicture:
    """There is no picture to be had at this address.

    Attributes:
        note: for people; it names no address.
        is_final: whether another try would find the same.
    """

    note: str
    is_final: bool = False


class PictureSource:
    """Where pictures come from.

    Its connections are its own: whoever keeps the host of the pictures busy keeps nobody from the queue. They
    have one deadline for all of a picture and follow no redirects.
    """

    def __init__(
        self, *, hosts: MediaHosts, transport: Transport, metrics: Metrics, limit_bytes: int
    ) -> None:
        self._hosts = hosts
        self._transport = transport
        self._metrics = metrics
        self._limit_bytes = limit_bytes

    async def find(self, url: str) -> bytes | NoPicture:
        """The picture at an address, or in it where it is a data URI."""
        if url[:5].lower() == "data:":
            # Twenty megabytes are some thirty milliseconds, in which nobody else would be answered.
            is_large = len(url) > LARGE_CHARACTERS
            found = (
                await asyncio.to_thread(self._read_data_uri, url) if is_large else self._read_data_uri(url)
            )
        elif self._hosts.allow(url):
            found = await self._fetch(url)
        else:
            found = NoPicture("its address is not one that this gateway fetches from", is_final=True)
        if isinstance(found, bytes) and type_of(found) is None:
            return NoPicture("what stands there is not a picture", is_final=True)
        return found

    async def close(self) -> None:
        """Closes all connections."""
        await self._transport.close()

    def _read_data_uri(self, uri: str) -> bytes | NoPicture:
        head = _DATA_URI.match(uri)
        if head is None or len(uri) - head.end() > self._limit_bytes * 4 // 3 + 4:
            return NoPicture("its data URI is too large, or not one of a picture", is_final=True)
        try:
            return binascii.a2b_base64(uri[head.end() :], strict_mode=True)
        except ValueError:
            return NoPicture("its data URI is not valid base64", is_final=True)

    async def _fetch(self, url: str) -> bytes | NoPicture:
        started = perf_counter()
        outcome = "fault"
        try:
            answer = await self._transport.exchange(
                "GET", url, headers=ACCEPT, body=b"", limit_bytes=self._limit_bytes
            )
            outcome = str(answer.status_code)
        except UpstreamFault as error:
            return NoPicture(str(error), is_final=isinstance(error, AnswerTooLargeError))
        finally:
            self._metrics.upstream_call("picture", outcome, perf_counter() - started)
        return _body_of(answer)


def _body_of(answer: Answer) -> bytes | NoPicture:
    if answer.status_code != 200:
        return NoPicture(f"its host answered {answer.status_code}")
    return answer.body
