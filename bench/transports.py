"""What one call of the upstream costs, by the transport that carries it.

Every way sends the same POST to a small server of its own (a child process) and keeps 32 calls in flight.
The figure is user and system time of this whole process, its threads included, divided by the calls.
`make bench` runs it; `python bench/transports.py --help` tells the rest.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import platform
import resource
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import cast

import httpx
import orjson
import uvloop
from pydantic import SecretStr
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport

from app.operations.metrics import Metrics
from app.upstream.answers import Accepted
from app.upstream.client import UpstreamClient
from app.upstream.credentials import Credentials
from app.upstream.profiles import PROFILES
from app.upstream.result_room import ResultRoom
from app.upstream.transport import Transport

IN_FLIGHT = 32
MODEL = "fal-ai/flux-1/dev"
HEADERS = {"accept": "application/json", "content-type": "application/json", "authorization": "Key bench"}
BODY = orjson.dumps(
    {
        "prompt": "Extreme close-up of a single tiger eye, direct frontal view. Detailed iris and pupil. "
        "Sharp focus on eye texture and color. Natural lighting to capture authentic eye shine and depth.",
        "image_size": "landscape_4_3",
        "num_inference_steps": 28,
        "guidance_scale": 3.5,
        "num_images": 1,
        "enable_safety_checker": True,
        "output_format": "jpeg",
        "acceleration": "regular",
        "seed": 0,
    }
)

Call = Callable[[], Awaitable[bool]]
Open = Callable[[str], AbstractAsyncContextManager[Call]]


# The server: one answer for every request, as fal's queue gives it to a submit.

_JOB = "http://127.0.0.1/fal-ai/flux-1/requests/019a0000-0000-7000-8000-000000000000"
ANSWER_BODY = orjson.dumps(
    {
        "status": "IN_QUEUE",
        "request_id": _JOB.rsplit("/", 1)[1],
        "response_url": _JOB,
        "status_url": f"{_JOB}/status",
        "cancel_url": f"{_JOB}/cancel",
        "logs": None,
        "metrics": {},
        "queue_position": 0,
    }
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Sun, 22 Nov 2026 12:00:00 GMT\r\n"
    b"content-type: application/json\r\nx-fal-request-id: %s\r\ncontent-length: %d\r\n\r\n%s"
) % (_JOB.rsplit("/", 1)[1].encode(), len(ANSWER_BODY), ANSWER_BODY)


class Answering(asyncio.Protocol):
    """Reads a head and as many bytes as it announces, then answers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            announced = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            size = end + 4 + int(announced or 0)
            if len(self._buffer) < size:
                return
            self._buffer = self._buffer[size:]
            self._transport.write(ANSWER)


def serve(port_out: Connection) -> None:
    """The child process: answers until it is ended."""

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        port_out.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(run())


@contextlib.contextmanager
def upstream() -> Iterator[str]:
    """The address of the server, which lives until the block ends."""
    context = multiprocessing.get_context("spawn")
    port_in, port_out = context.Pipe(duplex=False)
    child = context.Process(target=serve, args=(port_out,), daemon=True)
    child.start()
    port_out.close()  # so that a child that does not start ends the wait
    try:
        yield f"http://127.0.0.1:{port_in.recv()}"
    finally:
        child.terminate()
        child.join()


# The ways to call it. Each opens its pool and gives the call that is measured; a call tells whether it got
# the whole answer.


@contextlib.asynccontextmanager
async def httpx_alone(base: str) -> AsyncIterator[Call]:
    """httpx with the transport it comes with."""
    limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    async with httpx.AsyncClient(headers=HEADERS, limits=limits) as client:
        yield _through(client, f"{base}/{MODEL}")


@contextlib.asynccontextmanager
async def httpx_over_pyreqwest(base: str) -> AsyncIterator[Call]:
    """httpx with pyreqwest below it, called as httpx's documentation shows."""
    async with httpx.AsyncClient(headers=HEADERS, transport=HttpxTransport(_pool())) as client:
        yield _through(client, f"{base}/{MODEL}")


def _through(client: httpx.AsyncClient, url: str) -> Call:
    async def call() -> bool:
        return (await client.post(url, content=BODY)).content == ANSWER_BODY

    return call


@contextlib.asynccontextmanager
async def transport_with_new_request(base: str) -> AsyncIterator[Call]:
    """pyreqwest's httpx transport without the client above it; URL and headers are parsed for each call."""
    async with HttpxTransport(_pool()) as transport:

        async def call() -> bool:
            request = httpx.Request("POST", f"{base}/{MODEL}", headers=HEADERS, content=BODY)
            response = await transport.handle_async_request(request)
            return await response.aread() == ANSWER_BODY

        yield call


@contextlib.asynccontextmanager
async def transport_with_prepared_parts(base: str) -> AsyncIterator[Call]:
    """The same, with the URL and the headers parsed once."""
    url = httpx.URL(f"{base}/{MODEL}")
    headers = httpx.Headers([(b"host", url.netloc), *((k.encode(), v.encode()) for k, v in HEADERS.items())])
    async with HttpxTransport(_pool()) as transport:

        async def call() -> bool:
            request = httpx.Request("POST", url, headers=headers, content=BODY)
            response = await transport.handle_async_request(request)
            return await response.aread() == ANSWER_BODY

        yield call


@contextlib.asynccontextmanager
async def our_transport(base: str) -> AsyncIterator[Call]:
    """`app.upstream.transport`: pyreqwest with a deadline, a limit, and httpx's type for the headers."""
    transport = _our_pool()

    async def call() -> bool:
        answer = await transport.exchange(
            "POST", f"{base}/{MODEL}", headers=HEADERS, body=BODY, limit_bytes=1_000_000
        )
        return answer.body == ANSWER_BODY

    yield call
    await transport.close()


@contextlib.asynccontextmanager
async def our_client(base: str) -> AsyncIterator[Call]:
    """`app.upstream.client`: the whole of what a submit costs between the use case and the socket."""
    profile = PROFILES["fal"]
    client = UpstreamClient(
        base_url=base,
        profile=profile,
        credentials=Credentials(SecretStr("bench"), profile.auth_scheme),
        transport=_our_pool(),
        metrics=Metrics(),
        status_limit_bytes=1_000_000,
        result_limit_bytes=20_000_000,
        room=ResultRoom(60_000_000, wait_seconds=5.0, waiting_at_most=64),
    )

    async def call() -> bool:
        return isinstance(await client.submit(MODEL, BODY, {}), Accepted)

    yield call
    await client.close()


@contextlib.asynccontextmanager
async def pyreqwest_alone(base: str) -> AsyncIterator[Call]:
    """pyreqwest in its own words, the body read without a limit."""
    async with _pool() as client:

        async def call() -> bool:
            builder = client.request("POST", f"{base}/{MODEL}").headers(HEADERS).body_bytes(BODY)
            response = await builder.build().send()
            return bytes(await response.bytes()) == ANSWER_BODY

        yield call


def _pool() -> Client:
    return ClientBuilder().max_connections(IN_FLIGHT).build()


def _our_pool() -> Transport:
    return Transport.connect(connections=IN_FLIGHT, connect_seconds=5.0, total_seconds=15.0)


WAYS: dict[str, Open] = {
    "httpx.AsyncClient, its own transport": httpx_alone,
    "httpx.AsyncClient over pyreqwest's HttpxTransport": httpx_over_pyreqwest,
    "HttpxTransport called directly, a new httpx.Request each": transport_with_new_request,
    "HttpxTransport called directly, URL and headers prepared": transport_with_prepared_parts,
    "app.upstream.transport.Transport.exchange": our_transport,
    "app.upstream.client.UpstreamClient.submit": our_client,
    "pyreqwest alone": pyreqwest_alone,
}


# The measurement.


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_us: float
    calls_per_second: float


async def measure(way: Open, base: str, seconds: float) -> Cost:
    """Warms the pool up, then keeps calls in flight for the given time."""
    async with way(base) as call:
        await _keep_calling(call, seconds / 4)
        cpu, started = _cpu_seconds(), perf_counter()
        calls = await _keep_calling(call, seconds)
        return Cost((_cpu_seconds() - cpu) / calls * 1e6, calls / (perf_counter() - started))


async def _keep_calling(call: Call, seconds: float) -> int:
    until = perf_counter() + seconds

    async def one_after_the_other() -> int:
        calls = 0
        while perf_counter() < until:
            if not await call():
                raise RuntimeError("a call did not get the whole answer")
            calls += 1
        return calls

    return sum(await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT))))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of calls per measurement (default 2)")
    parser.add_argument("--rounds", type=int, default=3, help="times that every way is measured (default 3)")
    arguments = parser.parse_args()
    print(_describe_run(arguments.seconds, arguments.rounds), flush=True)
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    with upstream() as base:
        for _ in range(arguments.rounds):
            for name, way in WAYS.items():
                costs[name].append(uvloop.run(measure(way, base, arguments.seconds)))
    print(_table(costs))


def _describe_run(seconds: float, rounds: int) -> str:
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    versions = ", ".join(f"{name} {version(name)}" for name in ("httpx", "pyreqwest", "uvloop"))
    return "\n".join(
        (
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {os.cpu_count()} cores, {model}",
            f"- Python {platform.python_version()}, {versions}",
            f"- POST of {len(BODY)} bytes, answers of {len(ANSWER_BODY)}; {IN_FLIGHT} in flight",
            f"- medians of {rounds} rounds of {seconds:g} s, every way once a round",
            "- aiohttp and httpx2 are not measured: neither is in the lock file",
        )
    )


def _table(costs: dict[str, list[Cost]]) -> str:
    lines = ["", "| way | CPU µs/call | lowest to highest | calls/s |", "| --- | --: | --: | --: |"]
    for name, measured in costs.items():
        cpu = sorted(cost.cpu_us for cost in measured)
        speed = statistics.median(cost.calls_per_second for cost in measured)
        lines.append(
            f"| {name} | {statistics.median(cpu):.0f} | {cpu[0]:.0f} to {cpu[-1]:.0f} | {speed:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
