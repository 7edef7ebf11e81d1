"""What the simulated upstream itself sends for: webhooks to callers, and the pictures that they name."""

import asyncio
import base64
import binascii
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.simulator.gallery import Gallery
from app.simulator.lanes import Job
from app.simulator.webhook_letters import STALE_SECONDS, Seal, write_letter
from app.simulator.world import World

LOOK_SECONDS = 0.02
PAUSES = (0.2, 0.5, 1.0, 2.0, 4.0)
TRY_SECONDS = 15.0
FETCH_SECONDS = 10.0
FETCH_LIMIT_BYTES = 50_000_000
# Longer bodies are sent, but not shown to those who look inside.
SHOWN_BYTES = 100_000


class Courier:
    """One errand for each job that has one, each as a task that lives as long as the server at most."""

    def __init__(self, world: World, gallery: Gallery) -> None:
        self.seal = Seal()
        self._world = world
        self._gallery = gallery
        self._group: asyncio.TaskGroup | None = None
        self._errands: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Runs errands until the end of the block, first those that an earlier run left."""
        limits = httpx.Limits(max_connections=50)
        async with (
            httpx.AsyncClient(
                trust_env=False, follow_redirects=False, timeout=TRY_SECONDS, limits=limits
            ) as self._client,
            asyncio.TaskGroup() as self._group,
        ):
            for job in list(self._world.jobs.values()):
                self.take_on(job)
            yield
            self.drop_all()

    def take_on(self, job: Job) -> None:
        """Begins what is to be done for a job beside answering."""
        if job.is_fetching:
            self._begin(self._fetch_pictures(job))
        if job.webhook is not None and not job.is_told and not job.order.directives.webhook.is_early:
            self._begin(self.tell(job))

    def drop_all(self) -> None:
        """Ends every errand where it is."""
        for errand in self._errands:
            errand.cancel()

    async def tell(self, job: Job) -> None:
        """Waits for the end of a job and sends its webhook."""
        state = job.state(self._world.now())
        while state != "COMPLETED":
            await asyncio.sleep(LOOK_SECONDS)
            state = job.state(self._world.now())
        wish = job.order.directives.webhook
        await asyncio.sleep(wish.late)
        if wish.times is None:
            await self._send_until_taken(job)
        for _ in range(wish.times or 0):
            await self._send(job)
        self._world.note_told(job)

    def _begin(self, errand: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None  # noqa: S101 # requests come while the courier is at work
        task = self._group.create_task(errand)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _send_until_taken(self, job: Job) -> None:
        """As at fal a redirect is the end of it, like a success; everything else is tried again."""
        for pause_seconds in (*PAUSES, None):
            status = await self._send(job)
            if 200 <= status < 400 or pause_seconds is None:
                return
            await asyncio.sleep(pause_seconds)

    async def _send(self, job: Job) -> int:
        assert job.webhook is not None  # noqa: S101 # whoever calls this has looked
        faults = job.order.directives.webhook.faults
        request_id, body = write_letter(job, await self._gallery.addresses(job, job.base_url))
        at = time.time() - (STALE_SECONDS if "stale" in faults else 0)
        headers = self.seal.headers(body, request_id=request_id, at=at, is_forged="forged" in faults)
        sent = {"at": at, "headers": headers, "body": body.decode() if len(body) <= SHOWN_BYTES else None}
        try:
            answer = await self._client.post(
                job.webhook, content=body, headers={**headers, "content-type": "application/json"}
            )
            status, fault = answer.status_code, None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            status, fault = 0, f"{type(error).__name__}: {error}"
        job.webhook_tries.append({**sent, "status": status, "fault": fault})
        return status

    async def _fetch_pictures(self, job: Job) -> None:
        for address in job.order.asked.pictures:
            fetched = await self._fetch(address)
            job.fetches.append({"url": address[:SHOWN_BYTES], **fetched})
            if fetched["fault"] is not None and job.unreadable is None:
                job.unreadable = address
        job.is_fetching = False

    async def _fetch(self, address: str) -> dict[str, Any]:
        """How large a picture is and of which type, or why there is none."""
        if address[:5].lower() == "data:":
            return _read_data_uri(address)
        try:
            async with asyncio.timeout(FETCH_SECONDS), self._client.stream("GET", address) as answer:
                size = 0
                async for piece in answer.aiter_bytes():
                    size += len(piece)
                    if size > FETCH_LIMIT_BYTES:
                        return _fetched(size, fault="too large")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            return _fetched(0, fault=f"{type(error).__name__}: {error}")
        fault = None if answer.status_code == 200 else f"answered {answer.status_code}"
        return _fetched(size, kind=answer.headers.get("content-type"), fault=fault)


def _read_data_uri(address: str) -> dict[str, Any]:
    head, _, text = address[5:].partition(",")
    try:
        picture = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        return _fetched(0, fault=str(error))
    return _fetched(len(picture), kind=head.partition(";")[0])


def _fetched(size: int, *, kind: str | None = None, fault: str | None = None) -> dict[str, Any]:
    return {"bytes": size, "content_type": kind, "fault": fault}
