"""An upstream that costs little: every id tells when its job ends, so nothing is kept of any job.

`python bench/timed_upstream.py PORT SECONDS SPREAD` takes jobs of so many seconds, give or take a share; of
several numbers, separated by commas, each model has one, in the order in which models are first asked for.
`GET /_stub/counts` answers how many requests came in each tenth of a second, and `POST /_stub/away?20` makes
it unreachable for so long: connections end, and new ones are refused.
"""

import asyncio
import random
import sys
import time
import uuid
from collections.abc import Sequence

import orjson

QUEUED_SHARE = 0.3
TENTHS = 10
REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found"}


def upstream_id(begins_at: float, ends_at: float) -> str:
    """What a job is called that runs from then to then, in seconds since 1970."""
    return f"job-{begins_at:.3f}-{ends_at:.3f}-{uuid.uuid4().hex[:12]}"


def times_of(upstream_id: str) -> tuple[float, float]:
    """When a job of this name begins and ends."""
    _, begins_at, ends_at, _ = upstream_id.split("-")
    return float(begins_at), float(ends_at)


class Upstream:
    """Answers, and counts what it was asked."""

    def __init__(self, seconds: Sequence[float], spread: float) -> None:
        self._seconds = seconds
        self._seconds_of: dict[str, float] = {}
        self._spread = spread
        self.counts: dict[str, dict[int, int]] = {"submit": {}, "status": {}, "result": {}}
        self.away_until = 0.0
        self.is_leaving = asyncio.Event()

    def answer(self, method: str, target: str) -> tuple[int, object]:
        """Status code and JSON of one request."""
        path, _, query = target.partition("?")
        if path == "/_stub/counts":
            return 200, self.counts
        if path == "/_stub/away":
            self.away_until = time.time() + float(query)
            self.is_leaving.set()
            return 200, {}
        if method == "POST":
            self._count("submit")
            began = time.time()
            turn = len(self._seconds_of) % len(self._seconds)
            seconds = self._seconds_of.setdefault(path, self._seconds[turn])
            taken = seconds * (1 + self._spread * (2 * random.random() - 1))
            return 200, {"request_id": upstream_id(began, began + taken), "queue_position": 0}
        name = path.partition("/requests/")[2]
        is_status = name.endswith("/status")
        self._count("status" if is_status else "result")
        return self._stands(name.removesuffix("/status"), is_status=is_status)

    def _stands(self, name: str, *, is_status: bool) -> tuple[int, object]:
        begins_at, ends_at = times_of(name)
        now = time.time()
        if not is_status:
            if now < ends_at:
                return 400, {"detail": "Request is still in progress"}
            image = {"url": f"http://127.0.0.1/{name}.png", "width": 64, "height": 64}
            return 200, {"images": [image], "seed": 7, "timings": {"inference": ends_at - begins_at}}
        if now >= ends_at:
            return 200, {"status": "COMPLETED", "metrics": {"inference_time": ends_at - begins_at}}
        is_queued = now < begins_at + QUEUED_SHARE * (ends_at - begins_at)
        return 202, {"status": "IN_QUEUE", "queue_position": 0} if is_queued else {"status": "IN_PROGRESS"}

    def _count(self, kind: str) -> None:
        tenth = int(time.time() * TENTHS)
        self.counts[kind][tenth] = self.counts[kind].get(tenth, 0) + 1


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, upstream: Upstream, opened: set[asyncio.Transport]) -> None:
        self._upstream = upstream
        self._opened = opened
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._opened.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (head_end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:head_end].lower()
            length = int((head.partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0]) or 0)
            if len(self._buffer) < head_end + 4 + length:
                return
            method, target, _ = self._buffer.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            self._buffer = self._buffer[head_end + 4 + length :]
            self._send(*self._upstream.answer(method, target))

    def _send(self, code: int, answer: object) -> None:
        body = orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS)
        head = f"HTTP/1.1 {code} {REASONS[code]}\r\ncontent-type: application/json\r\n"
        self._transport.write(head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body)


async def serve(port: int, upstream: Upstream) -> None:
    """Listens, but for the times at which it is away."""
    loop = asyncio.get_running_loop()
    opened: set[asyncio.Transport] = set()
    while True:
        server = await loop.create_server(lambda: Connection(upstream, opened), "127.0.0.1", port)
        await upstream.is_leaving.wait()
        upstream.is_leaving.clear()
        server.close()
        for transport in list(opened):
            transport.close()
        await asyncio.sleep(max(upstream.away_until - time.time(), 0))


if __name__ == "__main__":
    lengths = [float(part) for part in sys.argv[2].split(",")]
    asyncio.run(serve(int(sys.argv[1]), Upstream(lengths, float(sys.argv[3]))))
