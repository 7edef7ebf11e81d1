"""OpenAI's clients, with nothing changed but the base URL and the key."""

import base64
import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from PIL import Image

from tests.support.accounts import Account, while_full
from tests.support.caller import Caller
from tests.support.clients_page import FAILURES, OPENAI, seen, told
from tests.support.gateway import Gateway
from tests.support.node import NODE
from tests.support.programs import Outcome, outcome_of, run_program
from tests.support.simulator import Simulator
from tests.support.waiting import until

HERE = Path(__file__).parent
TRIES = 3
# How each is told how often it asks again.
RETRIES = {"python": "max_retries", "javascript": "maxRetries"}
PRICE_MICROS = 26_214  # one picture of 1024 x 1024 at 0.025 a megapixel
Call = Callable[..., Outcome]


@pytest.fixture(params=["python", "javascript"])
def call(request: pytest.FixtureRequest, gateway: Gateway, caller: Caller, javascript: Path) -> Call:
    """Makes a call in a process of its own, which has to end by itself and in time."""
    program = {
        "python": (sys.executable, str(HERE / "openai_calls.py")),
        "javascript": (NODE, "openai_node.mjs"),
    }

    def make(name: str, prompt: str = "", *, key: str = "", **given: Any) -> Outcome:
        given["arguments"] = {"prompt": prompt, "size": "1024x1024", **given.get("arguments", {})}
        variables = {"OPENAI_BASE_URL": f"{gateway.address}/v1", "OPENAI_API_KEY": key or caller.key}
        document = orjson.dumps(given).decode()
        command = (*program[request.param], name, document)
        return outcome_of(run_program(*command, variables=variables, directory=javascript, seconds=120))

    make.__name__ = request.param
    return make


# Success


def test_pictures_come_by_their_addresses(
    call: Call, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    done = call("generate", prompt, arguments={"n": 2, "response_format": "url", "user": "ada"}).returned
    assert isinstance(done["created"], int)
    pictures = [httpx.get(item["url"], trust_env=False, timeout=60).content for item in done["data"]]
    assert [Image.open(io.BytesIO(picture)).size for picture in pictures] == [(1024, 1024)] * 2
    simulator.only(prompt)
    [job] = caller.get("/api/jobs").json()["items"]
    assert (job["end_user"], job["state"]) == ("ada", "succeeded")


def test_pictures_come_as_bytes(call: Call, simulator: Simulator, prompt: str) -> None:
    done = call(
        "generate", prompt, arguments={"response_format": "b64_json", "output_format": "png"}
    ).returned
    [item] = done["data"]
    picture = Image.open(io.BytesIO(base64.b64decode(item["b64_json"])))
    assert (picture.format, picture.size) == ("PNG", (1024, 1024))
    simulator.only(prompt)


def test_a_stream_ends_with_the_picture(call: Call, simulator: Simulator, prompt: str) -> None:
    [*_, last] = call("stream", prompt).returned
    assert last["type"] == "image_generation.completed"
    picture = Image.open(io.BytesIO(base64.b64decode(last["b64_json"])))
    assert picture.size == (1024, 1024)
    simulator.only(prompt)


def test_a_failed_job_is_an_error_of_its_stream_and_not_sent_again(
    call: Call, simulator: Simulator, prompt: str
) -> None:
    failing = f"{prompt} [fail 500]"
    raised = call("stream", failing).raised
    assert raised["class"] == "APIError"
    assert raised["text"]
    simulator.only(failing)


def test_models_are_listed_and_one_is_found_by_an_id_with_slashes(call: Call) -> None:
    """The client sends the slashes as `%2F`."""
    done = call("models").returned
    assert "fal-ai/flux-1/dev" in done["listed"]
    assert done["one"]["id"] == "fal-ai/flux-1/dev"
    none = done["none"]["raised"]
    assert (none["class"], none["status_code"], none["code"]) == ("NotFoundError", 404, "model_not_found")


# Errors


def test_wrong_input_has_a_message_that_can_be_read(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("generate", prompt, arguments={"n": 9}).raised
    assert seen(raised) == told("wrong input", OPENAI[call.__name__])
    assert raised["param"] == "n"
    assert "less than or equal to 4" in raised["text"]
    assert raised["request_id"]
    assert not simulator.accepted(prompt)


@pytest.mark.parametrize("status", FAILURES)
def test_a_failed_job_is_not_sent_again(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str, status: int
) -> None:
    failing = f"{prompt} [fail {status}]"
    before = gateway.answered(status, "images")
    raised = call("generate", failing).raised
    assert seen(raised) == told(FAILURES[status], OPENAI[call.__name__])
    assert gateway.answered(status, "images") == before + 1
    simulator.only(failing)


def test_a_job_that_somebody_cancels_is_an_error(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [slow 60]"
    found = "SELECT job_id FROM job_inputs WHERE prompt = $1"
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(call, "generate", slow)
        until(lambda: simulator.accepted(slow))
        [row] = gateway.database.rows(found, slow)
        caller.cancel(str(row["job_id"])).raise_for_status()
        raised = calling.result().raised
    assert seen(raised) == told("the job was cancelled", OPENAI[call.__name__])
    assert raised["code"] == "client_cancelled"
    simulator.only(slow)


def test_a_job_that_takes_too_long_is_not_sent_again(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """Of eight seconds eight tenths are left for the answer, which a machine that stands still may take."""
    patience = {"python": {"client": {"timeout": 8}}, "javascript": {"options": {"timeout": 8000}}}

    def is_asked_once(number: int) -> bool:
        slow = f"{prompt} {number} [slow 60]"
        before = gateway.answered(504, "images")
        raised = call("generate", slow, **patience[call.__name__]).raised
        is_told = seen(raised) == told("the caller's time is up", OPENAI[call.__name__])
        return is_told and (gateway.answered(504, "images"), len(simulator.accepted(slow))) == (before + 1, 1)

    assert any(is_asked_once(number) for number in range(TRIES))


def test_a_client_that_keeps_its_patience_to_itself_pays_once_with_an_idempotency_key(
    call: Call, simulator: Simulator, prompt: str
) -> None:
    """JavaScript's announces no timeout that its constructor was given: it goes away, and asks again."""
    key = {"Idempotency-Key": prompt}
    given = {
        "python": {"client": {"timeout": 2}, "arguments": {"extra_headers": key}},
        "javascript": {"client": {"timeout": 2000}, "options": {"headers": key}},
    }
    call("generate", f"{prompt} [slow 3]", **given[call.__name__])
    simulator.only(f"{prompt} [slow 3]")


def test_a_dead_key_is_an_error_at_once(call: Call, gateway: Gateway, prompt: str) -> None:
    before = gateway.answered(401, "images")
    raised = call("generate", prompt, key="fg_dead").raised
    assert seen(raised) == told("the key is dead", OPENAI[call.__name__])
    assert gateway.answered(401, "images") == before + 1


def test_a_spent_budget_is_an_error_after_one_try(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    Account.of(gateway.database, caller).limit_team(budget_micros=PRICE_MICROS - 1)
    before = gateway.answered(402, "images")
    raised = call("generate", prompt).raised
    assert seen(raised) == told("the budget is spent", OPENAI[call.__name__])
    assert raised["code"] == "budget_exceeded"
    assert gateway.answered(402, "images") == before + 1
    assert not simulator.accepted(prompt)


def test_a_rate_limit_is_an_error_of_its_own(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    gateway.database.rows(limit, caller.key[-4:])
    caller.job(f"{prompt} first")
    raised = call("generate", prompt, client={RETRIES[call.__name__]: 0}).raised
    assert seen(raised) == told("a limit per minute, or too many at once", OPENAI[call.__name__])
    assert raised["code"] == "rate_limited"
    assert not simulator.accepted(prompt)


def test_a_full_house_is_waited_for_and_paid_once(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """`Retry-After` is honoured: two seconds each time; by itself the client asks again twice."""
    asking = {RETRIES[call.__name__]: 20}
    done = while_full(gateway, caller, lambda: call("generate", prompt, client=asking), operation="images")
    assert done.returned["data"]
    simulator.only(prompt)
