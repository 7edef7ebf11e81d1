"""fal's own proxy in front of the gateway: the JavaScript client calls it, and it calls the gateway."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.support.caller import Caller
from tests.support.clients_page import recipe
from tests.support.gateway import Gateway
from tests.support.node import NODE
from tests.support.pictures import require_picture
from tests.support.ports import free_port
from tests.support.processes import running
from tests.support.programs import Outcome, outcome_of, run_program
from tests.support.simulator import Simulator
from tests.support.waiting import until

Call = Callable[..., Outcome]


@pytest.fixture(scope="module")
def chained(gateway: Gateway) -> Iterator[Caller]:
    """A caller whose key only the proxy knows."""
    with gateway.caller() as caller:
        yield caller


@pytest.fixture(scope="module")
def proxy(
    gateway: Gateway, chained: Caller, javascript: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where fal's proxy listens, set up as the page on clients says."""
    port = free_port()
    program = javascript / "server_proxy.mjs"
    program.write_text(recipe("server-proxy", gateway.address, chained.key, **{"3000": str(port)}))
    with running(tmp_path_factory.mktemp("proxy"), NODE, str(program)) as process:
        until(lambda: is_there(f"http://localhost:{port}/") or not process.is_running)
        yield f"http://localhost:{port}/api/fal/proxy"


@pytest.fixture
def call(gateway: Gateway, proxy: str, javascript: Path) -> Call:
    """Makes a call through both, without a key."""

    def make(name: str, prompt: str, **given: Any) -> Outcome:
        given["input"] = {"prompt": prompt, **given.get("input", {})}
        known = {"gateway": gateway.address, "proxy": proxy, "way": "chain"}
        document = orjson.dumps({**known, **given}).decode()
        return outcome_of(
            run_program(NODE, "fal_node.mjs", name, document, directory=javascript, seconds=120)
        )

    return make


def is_there(address: str) -> bool:
    """Whether anything answers; the proxy itself has nothing to say there."""
    try:
        return httpx.get(address, trust_env=False, timeout=60).status_code > 0
    except httpx.TransportError:
        return False


def test_a_generation_passes_through_both(
    call: Call, chained: Caller, simulator: Simulator, prompt: str
) -> None:
    """The gateway's own routes are given `x-fal-target-url` too, and pass it over."""
    done = call("subscribe", prompt).returned
    assert done["data"]["prompt"] == prompt
    assert done["requestIdOfResult"] == done["requestId"]
    assert chained.get(f"/api/jobs/{done['requestId']}").json()["state"] == "succeeded"
    headers = simulator.only(prompt)["headers"]
    assert not [name for name in headers if name in {"x-fal-target-url", "x-fal-client-proxy"}]


def test_a_job_is_cancelled_through_both(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """The proxy sends `{}` with the PUT, and answers 200 whatever the gateway said."""
    slow = f"{prompt} [slow 60]"
    raised = call("subscribe", slow, options={"timeout": 1000}).raised
    assert raised["message"].startswith("Client timed out")
    [row] = gateway.database.rows("SELECT job_id FROM job_inputs WHERE prompt = $1", slow)
    gateway.database.wait(str(row["job_id"]), "cancelled")
    simulator.only(slow)


def test_its_express_adapter_hides_every_error(call: Call, simulator: Simulator, prompt: str) -> None:
    """That is why the page on clients says to use the gateway's own proxy route."""
    done = call("run", prompt, input={"num_images": 9}).returned
    [problem] = done["data"]["detail"]
    assert problem["loc"] == ["body", "num_images"]
    # What was refused has no id, and so the client asks for the status of nothing.
    raised = call("subscribe", prompt, input={"num_images": 9}, options={"timeout": 2000}).raised
    assert raised["message"].startswith("Client timed out")
    assert not simulator.accepted(prompt)


def test_the_recipe_of_its_client_makes_a_picture(gateway: Gateway, proxy: str, javascript: Path) -> None:
    program = javascript / "server_proxy_client.mjs"
    here = {"http://localhost:3000/api/fal/proxy": proxy}
    program.write_text(recipe("server-proxy-client", gateway.address, "", **here))
    require_picture(run_program(NODE, program))
