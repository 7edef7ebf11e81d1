"""fal's Python client, synchronous and asynchronous, with nothing changed but two hosts and a certificate."""

import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.accounts import Account, while_full
from tests.support.caller import Caller
from tests.support.certificates import Certificates
from tests.support.clients_page import FAILURES, FAL_PYTHON, seen, told
from tests.support.fault_proxy import spoiling
from tests.support.gateway import Gateway
from tests.support.hostile import UNKNOWN_ID
from tests.support.pictures import carried, picture
from tests.support.programs import Outcome, outcome_of, run_program
from tests.support.simulator import Simulator
from tests.support.waiting import until

HERE = Path(__file__).parent
PRICE_MICROS = 19_661  # one picture of 1024 x 768 at 0.025 a megapixel
PATIENCE_SECONDS = 1.5
TRIES = 3
Call = Callable[..., Outcome]


@pytest.fixture(params=["sync", "async"])
def call(
    request: pytest.FixtureRequest, tls_gateway: Gateway, tls_caller: Caller, certificates: Certificates
) -> Call:
    """Makes a call in a process of its own, which has to end by itself and in time."""
    return call_with(request.param, tls_gateway, tls_caller, certificates)


def call_with(kind: str, gateway: Gateway, caller: Caller, certificates: Certificates) -> Call:
    """Calls of one kind, at one gateway, in the name of one caller."""
    host = gateway.address.replace("https://127.0.0.1", "localhost")

    def make(name: str, prompt: str, *, seconds: float = 120, key: str = "", **given: Any) -> Outcome:
        given["arguments"] = {"prompt": prompt, **given.get("arguments", {})}
        document = orjson.dumps({"unknown_id": UNKNOWN_ID, **given}).decode()
        port = given.get("port")
        variables = {
            "FAL_KEY": key or caller.key,
            "FAL_QUEUE_RUN_HOST": f"localhost:{port}" if port else host,
            "FAL_RUN_HOST": f"{host}/run",
            "SSL_CERT_FILE": str(certificates.authority),
        }
        command = (sys.executable, HERE / f"fal_{kind}.py", name, document)
        return outcome_of(run_program(*command, variables=variables, seconds=seconds))

    return make


# Success


def test_subscribe_returns_the_result(
    call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    done = call("subscribe", prompt).returned
    [image] = done["result"]["images"]
    assert (image["width"], image["height"], done["result"]["prompt"]) == (1024, 768, prompt)
    assert done["statuses"][-1] == "Completed"
    assert done["logs"], "fal's runner writes logs"
    assert tls_gateway.database.state(done["request_id"]) == "succeeded"
    simulator.only(prompt)


def test_the_servers_addresses_and_those_built_from_the_id_both_work(
    call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    done = call("by_handle_and_by_id", prompt).returned
    for url in done["urls"]:
        assert url.startswith(f"{tls_gateway.address}/fal-ai/flux-1/requests/{done['request_id']}")
    assert done["result"] == done["result_by_id"]
    assert done["status_by_id"]["error"] is None
    assert done["status_by_id"]["logs"]
    simulator.only(prompt)


def test_a_waiting_job_has_a_position_and_a_running_one_has_logs(call: Call, prompt: str) -> None:
    """Without the key `queue_position`, and without `logs`, the client raises KeyError."""
    done = call("by_handle_and_by_id", f"{prompt} [queue 6] [slow 6]").returned
    assert done["first"][0] == "Queued"
    assert isinstance(done["first"][1]["position"], int)
    assert [word for word in ("Queued", "InProgress", "Completed") if word in done["statuses"]] == [
        "Queued",
        "InProgress",
        "Completed",
    ]


def test_what_a_submit_may_carry_arrives_upstream(call: Call, simulator: Simulator, prompt: str) -> None:
    options = {
        "priority": "low",
        "hint": "h1",
        "start_timeout": 30,
        "headers": {"X-Fal-Store-IO": "0"},
    }
    call("subscribe", prompt, options=options)
    headers = simulator.only(prompt)["headers"]
    assert headers["x-fal-queue-priority"] == "low"
    assert headers["x-fal-runner-hint"] == "h1"
    assert headers["x-fal-request-timeout"] == "30.0"
    assert headers["x-fal-store-io"] == "0"


def test_run_answers_with_the_result(call: Call, simulator: Simulator, prompt: str) -> None:
    assert call("run", prompt).returned["prompt"] == prompt
    simulator.only(prompt)


def test_a_stream_has_the_result_as_its_last_event(call: Call, simulator: Simulator, prompt: str) -> None:
    [*_, last] = call("stream", prompt).returned
    assert last["prompt"] == prompt
    simulator.only(prompt)


def test_a_picture_is_brought_and_used(
    call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """Where uploads go is written into the client, so this alone needs two of its names set."""
    given = {"picture": b64encode(picture()).decode(), "gateway": tls_gateway.address}
    done = call("upload", prompt, **given).returned
    assert done["url"].startswith(f"{tls_gateway.address}/files/")
    assert done["result"]["images"]
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())


# Errors


def test_wrong_input_is_an_error_with_a_list(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, arguments={"num_images": 9}).raised
    assert seen(raised) == told("wrong input", FAL_PYTHON)
    [problem] = raised["message"]
    assert (problem["loc"], problem["type"]) == (["body", "num_images"], "less_than_equal")
    assert not simulator.accepted(prompt)


@pytest.mark.parametrize("status", [500, 422])
def test_a_failed_job_is_an_error_at_its_result(
    call: Call, simulator: Simulator, prompt: str, status: int
) -> None:
    failing = f"{prompt} [fail {status}]"
    raised = call("subscribe", failing).raised
    assert seen(raised) == told(FAILURES[status], FAL_PYTHON)
    assert raised["message"], "what the model said"
    simulator.only(failing)


@pytest.mark.parametrize("status", [500, 422])
def test_a_failed_job_is_an_error_of_run(call: Call, simulator: Simulator, prompt: str, status: int) -> None:
    failing = f"{prompt} [fail {status}]"
    assert seen(call("run", failing).raised) == told(FAILURES[status], FAL_PYTHON)
    simulator.only(failing)


def test_a_failed_job_is_an_error_of_stream(call: Call, simulator: Simulator, prompt: str) -> None:
    """The client looks at the kind of the answer first, and so what went wrong is not in its error."""
    failing = f"{prompt} [fail 500]"
    raised = call("stream", failing).raised
    assert (raised["class"], "got 'application/json'" in raised["text"]) == ("SSEError", True)
    simulator.only(failing)


def test_a_model_that_the_upstream_refuses_is_an_error_at_once(call: Call, prompt: str) -> None:
    raised = call("subscribe", f"{prompt} [submit 422]").raised
    assert (raised["class"], raised["status_code"]) == ("FalClientHTTPError", 422)


def test_a_dead_key_is_an_error_at_once(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, key="fg_dead").raised
    assert seen(raised) == told("the key is dead", FAL_PYTHON)
    assert raised["error_type"] == "unauthorized"
    assert not simulator.accepted(prompt)


def test_a_spent_budget_is_an_error_after_one_try(
    call: Call, tls_gateway: Gateway, tls_caller: Caller, simulator: Simulator, prompt: str
) -> None:
    Account.of(tls_gateway.database, tls_caller).limit_team(budget_micros=PRICE_MICROS - 1)
    before = tls_gateway.answered(402)
    raised = call("subscribe", prompt).raised
    assert seen(raised) == told("the budget is spent", FAL_PYTHON)
    assert raised["error_type"] == "budget_exceeded"
    assert tls_gateway.answered(402) == before + 1
    assert not simulator.accepted(prompt)


# Cancelling


def test_a_cancelled_job_ends(call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str) -> None:
    slow = f"{prompt} [slow 60]"
    done = call("cancel", slow).returned
    word, last = done["last"]
    assert (word, last["error_type"]) == ("Completed", "client_cancelled")
    assert seen(done["result"]["raised"]) == told("the job was cancelled", FAL_PYTHON)
    assert done["result"]["raised"]["error_type"] == "client_cancelled"
    for name in ("again", "by_id"):
        assert done[name]["raised"]["status_code"] == 400
        assert orjson.loads(done[name]["raised"]["message"]) == {"status": "ALREADY_COMPLETED"}
    assert done["unknown"]["raised"]["status_code"] == 404
    assert tls_gateway.database.state(done["request_id"]) == "cancelled"
    simulator.only(slow)


# Time


@pytest.mark.parametrize("words", ["[slow 60]", "[queue 60]", "[slow 7] [stubborn]", "[slow 7] [cancel 404]"])
def test_the_interpreter_ends_after_a_timeout(
    call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str, words: str
) -> None:
    """A thread goes on polling until the job has ended, whatever became of the cancellation."""
    raised, slow = lose_patience(call, f"{prompt} {words}")
    tls_gateway.database.wait(raised["request_id"], "cancelled" if "60" in words else "succeeded")
    simulator.only(slow)


def lose_patience(call: Call, words: str) -> tuple[dict[str, Any], str]:
    """What the client raises when its time is up for a job that was taken, and the prompt of that job.

    On a machine that stands still the time may be up before there is an id to be told of.
    """
    for number in range(TRIES):
        prompt = f"{words} {number}"
        raised = call("subscribe", prompt, options={"client_timeout": PATIENCE_SECONDS}).raised
        assert seen(raised) == told("the caller's time is up", FAL_PYTHON)
        assert raised["timeout"] == PATIENCE_SECONDS
        if raised["request_id"] is not None:
            return raised, prompt
    raise AssertionError("its time was always up before its job was taken")


# Too many


def test_a_full_house_is_waited_for_and_paid_once(
    call: Call, tls_gateway: Gateway, tls_caller: Caller, simulator: Simulator, prompt: str
) -> None:
    done = while_full(tls_gateway, tls_caller, lambda: call("subscribe", prompt))
    assert done.returned["statuses"][-1] == "Completed"
    simulator.only(prompt)


def test_a_rate_limit_that_is_lifted_is_waited_for_and_paid_once(
    call: Call, tls_gateway: Gateway, tls_caller: Caller, simulator: Simulator, prompt: str
) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = $2 WHERE hint = $1"
    hint, before = tls_caller.key[-4:], tls_gateway.answered(429)
    tls_gateway.database.rows(limit, hint, 1)
    tls_caller.job(f"{prompt} first")
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(call, "subscribe", prompt)
        until(lambda: tls_gateway.answered(429) > before)
        tls_gateway.database.rows(limit, hint, None)
        assert calling.result().returned["statuses"][-1] == "Completed"
    simulator.only(prompt)


def test_a_rate_limit_that_stays_costs_ten_tries(
    call: Call, tls_gateway: Gateway, tls_caller: Caller, simulator: Simulator, prompt: str
) -> None:
    """The waits between its tries are noted and left out: they would be the better part of a minute."""
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    tls_gateway.database.rows(limit, tls_caller.key[-4:])
    before = tls_gateway.answered(429)
    tls_caller.job(f"{prompt} first")
    done = call("impatient_subscribe", prompt).returned
    raised = done["end"]["raised"]
    assert (len(done["waits"]), sum(done["waits"]) > 15) == (9, True), done["waits"]
    assert seen(raised) == told("a limit per minute, or too many at once", FAL_PYTHON)
    assert raised["error_type"] == "rate_limited"
    assert tls_gateway.answered(429) == before + 10
    assert not simulator.accepted(prompt)


# An answer that does not come


def test_a_lost_answer_is_asked_for_again_and_paid_once(
    call: Call, tls_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """The client sends a submit again by itself; with an idempotency key that is the same job."""
    slow = f"{prompt} [submit hang 6]"
    options = {"headers": {"Idempotency-Key": prompt}}
    with spoiling(tls_gateway.address) as wire, ThreadPoolExecutor(1) as threads:
        calling = threads.submit(call, "subscribe", slow, port=wire.port, options=options)
        until(lambda: simulator.accepted(slow))
        wire.cut()
        assert calling.result().returned["result"]["prompt"] == slow
    simulator.only(slow)


def test_a_run_that_loses_its_patience_again_and_again_is_paid_once(
    call: Call, simulator: Simulator, prompt: str
) -> None:
    """The client takes its own timeout for a fault of the wire, and tries ten times."""
    slow = f"{prompt} [slow 3]"
    options = {"timeout": 1.5, "headers": {"Idempotency-Key": prompt}}
    assert call("run", slow, options=options).returned["prompt"] == slow
    simulator.only(slow)


# An upstream without status and cancel routes, whose addresses are fal's


def test_an_upstream_that_names_fals_addresses_is_hidden(
    start_gateway: StartGateway, start_simulator: StartSimulator, certificates: Certificates, prompt: str
) -> None:
    """Addresses that were passed on would have the client send the gateway's key to fal."""
    upstream = start_simulator(profile="quickrouter")
    gateway = start_gateway(
        *certificates.options, trust=certificates, upstream=upstream, upstream_profile="quickrouter"
    )
    call = call_with("sync", gateway, gateway.caller(), certificates)
    done = call("by_handle_and_by_id", prompt).returned
    assert all(url.startswith(f"{gateway.address}/fal-ai/flux-1/requests/") for url in done["urls"])
    # It cannot be cancelled there; it is followed to its end, and the interpreter ends with it.
    raised, slow = lose_patience(call, f"{prompt} [slow 7]")
    gateway.database.wait(raised["request_id"], "succeeded")
    upstream.only(slow)
