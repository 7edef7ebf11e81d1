"""OpenAI's Python client as it is installed: one call, and what came of it as one JSON document.

python openai_calls.py CALL '{"arguments": {…}, "client": {…}}'
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import openai

MODEL = "fal-ai/flux-1/dev"


def generate(given: dict[str, Any]) -> Any:
    """Pictures, by their addresses or as bytes."""
    client = openai.OpenAI(**given.get("client", {}))
    return client.images.generate(**{"model": MODEL, **given["arguments"]}).to_dict()


def generate_async(given: dict[str, Any]) -> Any:
    """The same with the asynchronous half."""

    async def run() -> Any:
        async with openai.AsyncOpenAI(**given.get("client", {})) as client:
            return (await client.images.generate(**{"model": MODEL, **given["arguments"]})).to_dict()

    return asyncio.run(run())


def stream(given: dict[str, Any]) -> Any:
    """The events of a generation."""
    client = openai.OpenAI()
    asked = {"model": MODEL, **given["arguments"], "stream": True}
    return [event.to_dict() for event in client.images.generate(**asked)]


def models(_: dict[str, Any]) -> Any:
    """The list, and one of it by an id with slashes."""
    client = openai.OpenAI()
    return {
        "listed": [model.id for model in client.models.list()],
        "one": client.models.retrieve(MODEL).to_dict(),
        "none": attempt(lambda _: client.models.retrieve("fal-ai/no/such"), {}),
    }


def attempt(call: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> dict[str, Any]:
    """What a call returned or raised."""
    try:
        return {"returned": call(given)}
    except Exception as error:  # noqa: BLE001 # whatever the client raises is what the test wants to see
        found = {"class": type(error).__name__, "text": str(error)}
        known = ("status_code", "code", "param", "type", "request_id", "message")
        return {"raised": {**found, **{name: getattr(error, name) for name in known if hasattr(error, name)}}}


CALLS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "generate": generate,
    "generate_async": generate_async,
    "stream": stream,
    "models": models,
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(attempt(CALLS[sys.argv[1]], json.loads(sys.argv[2]))))
