"""fal's Python client as it is installed: one call, and what came of it as one JSON document.

python fal_sync.py CALL '{"arguments": {…}, "options": {…}}'
"""

import base64
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import fal_client

MODEL = "fal-ai/flux-1/dev"


def subscribe(given: dict[str, Any]) -> Any:
    """Waits for the result and notes what it is told on the way."""
    seen: dict[str, Any] = {"request_id": None, "statuses": [], "logs": []}

    def note_id(request_id: str) -> None:
        seen["request_id"] = request_id

    def note(status: fal_client.Status) -> None:
        seen["statuses"].append(type(status).__name__)
        seen["logs"] = getattr(status, "logs", None) or seen["logs"]

    options = {"on_enqueue": note_id, "on_queue_update": note, "with_logs": True, **given.get("options", {})}
    result = fal_client.subscribe(given.get("model", MODEL), arguments=given["arguments"], **options)
    return {**seen, "result": result}


def by_handle_and_by_id(given: dict[str, Any]) -> Any:
    """Goes the whole way twice: with the server's addresses, and with those built from the id."""
    handle = fal_client.submit(MODEL, arguments=given["arguments"], **given.get("options", {}))
    first = handle.status(with_logs=True)
    statuses = [type(status).__name__ for status in handle.iter_events(with_logs=True, interval=0.05)]
    return {
        "request_id": handle.request_id,
        "urls": [handle.status_url, handle.response_url, handle.cancel_url],
        "first": [type(first).__name__, asdict(first)],
        "statuses": statuses,
        "result": handle.get(),
        "status_by_id": asdict(fal_client.status(MODEL, handle.request_id, with_logs=True)),
        "result_by_id": fal_client.result(MODEL, handle.request_id),
    }


def cancel(given: dict[str, Any]) -> Any:
    """Cancels a job and waits for its end, which has to come."""
    handle = fal_client.submit(MODEL, arguments=given["arguments"])
    handle.cancel()
    [*_, last] = handle.iter_events(interval=0.05)
    return {
        "request_id": handle.request_id,
        "last": [type(last).__name__, asdict(last)],
        "result": attempt(lambda _: handle.get(), given),
        "again": attempt(lambda _: handle.cancel(), given),
        "by_id": attempt(lambda _: fal_client.cancel(MODEL, handle.request_id), given),
        "unknown": attempt(lambda _: fal_client.cancel(MODEL, given["unknown_id"]), given),
    }


def run(given: dict[str, Any]) -> Any:
    """One request, answered with the result."""
    return fal_client.run(given.get("model", MODEL), arguments=given["arguments"], **given.get("options", {}))


def stream(given: dict[str, Any]) -> Any:
    """Every event of a streamed generation."""
    return list(fal_client.stream(MODEL, arguments=given["arguments"]))


def upload(given: dict[str, Any]) -> Any:
    """Brings a picture, and makes another of it."""
    fal_client.client.REST_URL = fal_client.client.CDN_URL = given["gateway"]
    url = fal_client.upload(base64.b64decode(given["picture"]), "image/png", "cat.png")
    arguments = {**given["arguments"], "image_url": url}
    return {"url": url, "result": fal_client.subscribe(f"{MODEL}/image-to-image", arguments=arguments)}


def impatient_subscribe(given: dict[str, Any]) -> Any:
    """Subscribes without the waits between its tries, which are noted instead."""
    waits: list[float] = []
    time.sleep = waits.append  # type: ignore[assignment] # it is called with a float
    return {"end": attempt(subscribe, given), "waits": waits}


def attempt(call: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> dict[str, Any]:
    """What a call returned or raised."""
    try:
        return {"returned": call(given)}
    except Exception as error:  # noqa: BLE001 # whatever the client raises is what the test wants to see
        return {"raised": described(error)}


def described(error: Exception) -> dict[str, Any]:
    """An error with what its user can read of it."""
    found = {"class": type(error).__name__, "text": str(error)}
    known = ("message", "status_code", "error_type", "request_id", "timeout")
    return {**found, **{name: getattr(error, name) for name in known if hasattr(error, name)}}


CALLS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "subscribe": subscribe,
    "by_handle_and_by_id": by_handle_and_by_id,
    "cancel": cancel,
    "run": run,
    "stream": stream,
    "upload": upload,
    "impatient_subscribe": impatient_subscribe,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(attempt(CALLS[sys.argv[1]], json.loads(sys.argv[2]))))
