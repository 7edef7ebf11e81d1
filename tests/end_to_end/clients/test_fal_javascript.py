"""fal's JavaScript client in Node, with nothing changed but where its calls go."""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import StartGateway
from tests.support.accounts import Account, while_full
from tests.support.caller import Caller
from tests.support.clients_page import FAILURES, FAL_JAVASCRIPT, seen, told
from tests.support.fault_proxy import spoiling
from tests.support.gateway import Gateway
from tests.support.hostile import UNKNOWN_ID
from tests.support.node import NODE
from tests.support.pictures import carried, picture
from tests.support.programs import Outcome, outcome_of, run_program
from tests.support.simulator import Simulator
from tests.support.waiting import until

PRICE_MICROS = 19_661  # one picture of 1024 x 768 at 0.025 a megapixel
TRIES = 4  # one, and three more after about 1, 2 and 4 seconds
Call = Callable[..., Outcome]


@pytest.fixture(params=["middleware", "proxy"])
def call(request: pytest.FixtureRequest, gateway: Gateway, caller: Caller, javascript: Path) -> Call:
    """Makes a call in a process of its own, which has to end by itself and in time."""

    def make(name: str, prompt: str, *, seconds: float = 120, **given: Any) -> Outcome:
        given["input"] = {"prompt": prompt, **given.get("input", {})}
        known = {"gateway": gateway.address, "key": caller.key, "way": request.param, "unknownId": UNKNOWN_ID}
        document = orjson.dumps({**known, **given}).decode()
        return outcome_of(
            run_program(NODE, "fal_node.mjs", name, document, directory=javascript, seconds=seconds)
        )

    return make


# Success


def test_subscribe_returns_the_result(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    done = call("subscribe", prompt).returned
    [image] = done["data"]["images"]
    assert (image["width"], image["height"], done["data"]["prompt"]) == (1024, 768, prompt)
    assert done["statuses"][-1] == "COMPLETED"
    assert done["logs"], "fal's runner writes logs"
    assert gateway.database.state(done["requestId"]) == "succeeded"
    simulator.only(prompt)


def test_the_result_knows_its_request(call: Call, prompt: str) -> None:
    """The client takes the id from the header `x-fal-request-id` and from nowhere else."""
    done = call("subscribe", prompt).returned
    assert done["requestIdOfResult"] == done["requestId"]


def test_an_error_knows_its_request_even_where_no_job_is(call: Call, prompt: str) -> None:
    assert call("subscribe", prompt, input={"num_images": 9}).raised["requestId"]
    assert call("subscribe", prompt, key="fg_dead").raised["requestId"]


def test_the_queue_is_walked_through_by_the_id_alone(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [queue 6] [slow 2]"
    done = call("queue", slow).returned
    request_id = done["submitted"]["request_id"]
    assert done["first"]["status"] == "IN_QUEUE"
    assert isinstance(done["first"]["queue_position"], int)
    for name in ("status_url", "response_url", "cancel_url"):
        assert done["first"][name].startswith(f"{gateway.address}/fal-ai/flux-1/requests/{request_id}")
    assert (done["early"]["raised"]["status"], done["early"]["raised"]["body"]) == (
        400,
        {"detail": "Request is still in progress"},
    )
    assert (done["last"]["status"], done["last"].get("error")) == ("COMPLETED", None)
    assert done["last"]["logs"]
    assert done["result"]["data"]["prompt"] == slow
    simulator.only(slow)


def test_what_a_submit_may_carry_arrives_upstream(call: Call, simulator: Simulator, prompt: str) -> None:
    options = {
        "priority": "low",
        "hint": "h1",
        "startTimeout": 30,
        "headers": {"X-Fal-Store-IO": "0"},
        "storageSettings": {"expiresIn": 3600},
    }
    call("queue", prompt, options=options)
    headers = simulator.only(prompt)["headers"]
    assert headers["x-fal-queue-priority"] == "low"
    assert headers["x-fal-runner-hint"] == "h1"
    assert headers["x-fal-request-timeout"] == "30"
    assert headers["x-fal-store-io"] == "0"
    assert orjson.loads(headers["x-fal-object-lifecycle-preference"]) == {"expiration_duration_seconds": 3600}


def test_run_answers_with_the_result(call: Call, gateway: Gateway, simulator: Simulator, prompt: str) -> None:
    done = call("run", prompt).returned
    assert done["data"]["prompt"] == prompt
    assert gateway.database.state(done["requestId"]) == "succeeded"
    simulator.only(prompt)


def test_a_stream_has_the_result_as_its_last_event(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    done = call("stream", prompt).returned
    assert done["last"] == done["events"][-1]
    assert done["last"]["prompt"] == prompt
    assert gateway.database.state(done["requestId"]) == "succeeded"
    simulator.only(prompt)


def test_the_status_is_streamed_to_its_end(call: Call, simulator: Simulator, prompt: str) -> None:
    slow = f"{prompt} [queue 6] [slow 6]"
    done = call("streamStatus", slow).returned
    statuses = [event["status"] for event in done["events"]]
    assert sorted(set(statuses), key=statuses.index) == ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]
    assert done["last"] == done["events"][-1]
    assert done["requestIdOfStream"] == done["requestId"]
    simulator.only(slow)


def test_a_subscription_by_stream_sees_what_one_by_polling_sees(
    call: Call, simulator: Simulator, prompt: str
) -> None:
    """The client strings the logs of all events together, so that each line may be sent once alone."""
    polled = call("subscribe", f"{prompt} polled [slow 2]").returned
    streamed = call("subscribe", f"{prompt} streamed [slow 2]", options={"mode": "streaming"}).returned
    assert streamed["data"]["prompt"] == f"{prompt} streamed [slow 2]"
    assert streamed["statuses"][-1] == "COMPLETED"
    messages = [[line["message"] for line in done["logs"]] for done in (polled, streamed)]
    assert messages[0] == messages[1]
    simulator.only(f"{prompt} streamed [slow 2]")


def test_a_picture_in_the_input_is_brought_first(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    done = call("upload", prompt, picture=b64encode(picture()).decode()).returned
    assert done["url"].startswith(f"{gateway.address}/files/")
    assert done["data"]["images"]
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())


# Errors


def test_wrong_input_is_an_error_for_each_field(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, input={"num_images": 9}).raised
    assert seen(raised) == told("wrong input", FAL_JAVASCRIPT)
    [problem] = raised["fieldErrors"]
    assert (problem["loc"], problem["type"]) == (["body", "num_images"], "less_than_equal")
    assert not simulator.accepted(prompt)


@pytest.mark.parametrize("status", FAILURES)
def test_a_failed_job_is_an_error_at_its_result(
    call: Call, simulator: Simulator, prompt: str, status: int
) -> None:
    failing = f"{prompt} [fail {status}]"
    raised = call("subscribe", failing).raised
    assert seen(raised) == told(FAILURES[status], FAL_JAVASCRIPT)
    assert raised["body"]["detail"], "what the model said"
    assert raised["requestId"]
    simulator.only(failing)


@pytest.mark.parametrize("name", ["run", "stream"])
@pytest.mark.parametrize("status", FAILURES)
def test_a_failed_job_is_an_error_of_run_and_stream(
    call: Call, simulator: Simulator, prompt: str, name: str, status: int
) -> None:
    failing = f"{prompt} [fail {status}]"
    raised = call(name, failing).raised
    assert seen(raised) == told(FAILURES[status], FAL_JAVASCRIPT)
    simulator.only(failing)


def test_a_dead_key_is_an_error_at_once(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, key="fg_dead").raised
    assert seen(raised) == told("the key is dead", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "unauthorized"
    assert not simulator.accepted(prompt)


def test_a_spent_budget_is_an_error_after_one_try(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    Account.of(gateway.database, caller).limit_team(budget_micros=PRICE_MICROS - 1)
    before = gateway.answered(402)
    raised = call("subscribe", prompt).raised
    assert seen(raised) == told("the budget is spent", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "budget_exceeded"
    assert gateway.answered(402) == before + 1
    assert not simulator.accepted(prompt)


# Cancelling and time


def test_a_cancelled_job_ends(call: Call, gateway: Gateway, simulator: Simulator, prompt: str) -> None:
    slow = f"{prompt} [slow 60]"
    done = call("cancel", slow).returned
    assert (done["last"]["status"], done["last"]["error_type"]) == ("COMPLETED", "client_cancelled")
    assert seen(done["result"]["raised"]) == told("the job was cancelled", FAL_JAVASCRIPT)
    assert done["result"]["raised"]["body"]["error_type"] == "client_cancelled"
    again, unknown = done["again"]["raised"], done["unknown"]["raised"]
    assert (again["status"], again["body"]) == (400, {"status": "ALREADY_COMPLETED"})
    assert unknown["status"] == 404
    assert gateway.database.state(done["requestId"]) == "cancelled"
    simulator.only(slow)


def test_a_timeout_cancels_the_job(call: Call, gateway: Gateway, simulator: Simulator, prompt: str) -> None:
    slow = f"{prompt} [slow 60]"
    raised = call("subscribe", slow, options={"timeout": 1000}).raised
    assert seen(raised) == told("the caller's time is up", FAL_JAVASCRIPT)
    assert raised["message"] == "Client timed out waiting for the request to complete after 1000ms"
    simulator.only(slow)
    [row] = gateway.database.rows("SELECT job_id FROM job_inputs WHERE prompt = $1", slow)
    gateway.database.wait(str(row["job_id"]), "cancelled")


@pytest.mark.parametrize("call", ["middleware"], indirect=True)
def test_a_run_that_takes_too_long_is_not_sent_again(
    call: Call, start_gateway: StartGateway, simulator: Simulator, prompt: str
) -> None:
    gateway = start_gateway(sync_wait_seconds="1.5")
    slow = f"{prompt} [slow 8]"
    raised = call("run", slow, gateway=gateway.address, key=gateway.caller().key).raised
    assert (raised["name"], raised["status"]) == ("ApiError", 504)
    gateway.database.wait(raised["requestId"], "succeeded")
    assert gateway.answered(504, "run") == 1
    simulator.only(slow)


# Too many


def test_a_full_house_is_waited_for_and_paid_once(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    done = while_full(gateway, caller, lambda: call("subscribe", prompt))
    assert done.returned["statuses"][-1] == "COMPLETED"
    simulator.only(prompt)


@pytest.mark.parametrize("call", ["middleware"], indirect=True)
def test_a_rate_limit_that_stays_costs_four_tries(
    call: Call, gateway: Gateway, caller: Caller, simulator: Simulator, prompt: str
) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    gateway.database.rows(limit, caller.key[-4:])
    before = gateway.answered(429)
    caller.job(f"{prompt} first")
    raised = call("subscribe", prompt).raised
    assert seen(raised) == told("a limit per minute, or too many at once", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "rate_limited"
    assert gateway.answered(429) == before + TRIES
    assert not simulator.accepted(prompt)


# An answer that does not come


@pytest.mark.parametrize("call", ["middleware"], indirect=True)
def test_a_lost_answer_is_asked_for_again_and_paid_once(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """The client sends a submit again by itself; with an idempotency key that is the same job."""
    slow = f"{prompt} [submit hang 6]"
    options = {"headers": {"Idempotency-Key": prompt}}
    with spoiling(gateway.address) as wire, ThreadPoolExecutor(1) as threads:
        address = f"http://127.0.0.1:{wire.port}"
        calling = threads.submit(call, "subscribe", slow, gateway=address, options=options)
        until(lambda: simulator.accepted(slow))
        wire.cut()
        assert calling.result().returned["data"]["prompt"] == slow
    simulator.only(slow)
