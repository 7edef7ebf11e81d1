"""The same calls as in `fal_sync.py`, made with the asynchronous half of fal's Python client."""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

import fal_client

from tests.end_to_end.clients.fal_sync import MODEL, described


async def subscribe(given: dict[str, Any]) -> Any:
    """Waits for the result and notes what it is told on the way."""
    seen: dict[str, Any] = {"request_id": None, "statuses": [], "logs": []}

    async def note_id(request_id: str) -> None:  # the client takes both kinds
        seen["request_id"] = request_id

    def note(status: fal_client.Status) -> None:
        seen["statuses"].append(type(status).__name__)
        seen["logs"] = getattr(status, "logs", None) or seen["logs"]

    options = {"on_enqueue": note_id, "on_queue_update": note, "with_logs": True, **given.get("options", {})}
    result = await fal_client.subscribe_async(
        given.get("model", MODEL), arguments=given["arguments"], **options
    )
    return {**seen, "result": result}


async def by_handle_and_by_id(given: dict[str, Any]) -> Any:
    """Goes the whole way twice: with the server's addresses, and with those built from the id."""
    handle = await fal_client.submit_async(MODEL, arguments=given["arguments"], **given.get("options", {}))
    first = await handle.status(with_logs=True)
    events = handle.iter_events(with_logs=True, interval=0.05)
    statuses = [type(status).__name__ async for status in events]
    return {
        "request_id": handle.request_id,
        "urls": [handle.status_url, handle.response_url, handle.cancel_url],
        "first": [type(first).__name__, asdict(first)],
        "statuses": statuses,
        "result": await handle.get(),
        "status_by_id": asdict(await fal_client.status_async(MODEL, handle.request_id, with_logs=True)),
        "result_by_id": await fal_client.result_async(MODEL, handle.request_id),
    }


async def cancel(given: dict[str, Any]) -> Any:
    """Cancels a job and waits for its end, which has to come."""
    handle = await fal_client.submit_async(MODEL, arguments=given["arguments"])
    await handle.cancel()
    [*_, last] = [status async for status in handle.iter_events(interval=0.05)]
    return {
        "request_id": handle.request_id,
        "last": [type(last).__name__, asdict(last)],
        "result": await attempt(lambda _: handle.get(), given),
        "again": await attempt(lambda _: handle.cancel(), given),
        "by_id": await attempt(lambda _: fal_client.cancel_async(MODEL, handle.request_id), given),
        "unknown": await attempt(lambda _: fal_client.cancel_async(MODEL, given["unknown_id"]), given),
    }


async def run(given: dict[str, Any]) -> Any:
    """One request, answered with the result."""
    options = given.get("options", {})
    return await fal_client.run_async(given.get("model", MODEL), arguments=given["arguments"], **options)


async def stream(given: dict[str, Any]) -> Any:
    """Every event of a streamed generation."""
    return [event async for event in fal_client.stream_async(MODEL, arguments=given["arguments"])]


async def upload(given: dict[str, Any]) -> Any:
    """Brings a picture, and makes another of it."""
    fal_client.client.REST_URL = fal_client.client.CDN_URL = given["gateway"]
    url = await fal_client.upload_async(base64.b64decode(given["picture"]), "image/png", "cat.png")
    arguments = {**given["arguments"], "image_url": url}
    result = await fal_client.subscribe_async(f"{MODEL}/image-to-image", arguments=arguments)
    return {"url": url, "result": result}


async def impatient_subscribe(given: dict[str, Any]) -> Any:
    """Subscribes without the waits between its tries, which are noted instead."""
    waits: list[float] = []

    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        # What only lets others run is no wait between two tries.
        waits.extend([seconds] if seconds else [])
        await sleep(0)

    asyncio.sleep = note  # type: ignore[assignment] # it is called with seconds alone
    return {"end": await attempt(subscribe, given), "waits": waits}


async def attempt(call: Callable[[dict[str, Any]], Awaitable[Any]], given: dict[str, Any]) -> dict[str, Any]:
    """What a call returned or raised."""
    try:
        return {"returned": await call(given)}
    except Exception as error:  # noqa: BLE001 # whatever the client raises is what the test wants to see
        return {"raised": described(error)}


CALLS: Mapping[str, Callable[[dict[str, Any]], Awaitable[Any]]] = {
    "subscribe": subscribe,
    "by_handle_and_by_id": by_handle_and_by_id,
    "cancel": cancel,
    "run": run,
    "stream": stream,
    "upload": upload,
    "impatient_subscribe": impatient_subscribe,
}

if __name__ == "__main__":
    outcome = asyncio.run(attempt(CALLS[sys.argv[1]], json.loads(sys.argv[2])))
    sys.stdout.write(json.dumps(outcome))
