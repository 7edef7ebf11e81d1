"""Fetching the keys that the upstream publishes, without telling anybody our own."""

from app.upstream.errors import UpstreamFault
from app.upstream.transport import Transport

LIMIT_BYTES = 200_000
TOTAL_SECONDS = 10.0
HEADERS = {"accept": "application/json"}


class WebKeySource:
    """The document at one fixed address; connections of its own, and no credential."""

    def __init__(self, url: str, *, connect_seconds: float) -> None:
        self._url = url
        self._transport = Transport.connect(
            connections=1, connect_seconds=connect_seconds, total_seconds=TOTAL_SECONDS
        )

    async def fetch(self) -> bytes:
        """The document as it is now.

        Raises:
            UpstreamFault: there is no answer in time, or it is not the document.
        """
        answer = await self._transport.exchange(
            "GET", self._url, headers=HEADERS, body=b"", limit_bytes=LIMIT_BYTES
        )
        if answer.status_code != 200:
            raise UpstreamFault(f"answered {answer.status_code}")
        return answer.body

    async def close(self) -> None:
        """Closes its connections."""
        await self._transport.close()
