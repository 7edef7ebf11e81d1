"""Every block of `docs/clients.md` is run, with the reader's address and key in place of the page's."""

import json
import shutil
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.certificates import Certificates
from tests.support.clients_page import FAILURES, PAGE, blocks, outcomes, recipe
from tests.support.database import Database
from tests.support.gateway import Gateway, free_port, make_keys
from tests.support.node import NODE
from tests.support.pictures import picture, require_picture
from tests.support.processes import running
from tests.support.programs import run_program
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
Curl = Callable[..., Any]


@dataclass(frozen=True)
class Webhook:
    """The programs of a sender and a receiver, and what is typed before them."""

    program: str
    receiver: Path
    submit: Path
    environment: str
    port: int


needs_curl = pytest.mark.skipif(
    shutil.which("curl") is None, reason="curl is not on this machine: its recipes were NOT run"
)
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not on this machine: its recipe was NOT run"
)


def shell(directory: Path, *lines: str) -> str:
    """What a shell prints in which these lines are typed; `python` is that of these tests."""
    path = f'PATH="{BIN}:$PATH"'
    return run_program("sh", "-ec", "\n".join([path, *lines]), directory=directory)


@pytest.fixture
def curl(gateway: Gateway, caller: Caller, tmp_path: Path) -> Curl:
    """Runs one of the page's curl lines; its answer."""

    def run(name: str, **exchanged: str) -> Any:
        line = recipe(name, gateway.address, caller.key, **exchanged)
        return json.loads(shell(tmp_path, line.replace("curl ", "curl --silent --show-error ", 1)))

    return run


# The page itself


def test_every_block_is_run_by_a_test() -> None:
    tests = "".join(path.read_text() for path in HERE.glob("test_*.py"))
    for block in blocks():
        assert block.name is not None, f"name it, so that it can be run:\n{block.text}"
        assert f'"{block.name}"' in tests, f"no test runs {block.name}"


@pytest.mark.parametrize("clients", ["fal_python", "fal_javascript", "openai"])
def test_every_outcome_is_measured_by_a_test(clients: str) -> None:
    tests = (HERE / f"test_{clients}.py").read_text()
    for row in outcomes()[1:]:
        assert f'"{row[0]}"' in tests or row[0] in FAILURES.values(), f"nothing measures: {row[0]}"


def test_the_versions_are_those_that_the_tests_install() -> None:
    javascript = json.loads((HERE / "package.json").read_text())["dependencies"]
    text = " ".join(PAGE.read_text().split())
    for words in (
        f"`fal-client` {version('fal-client')},",
        f"`@fal-ai/client` {javascript['@fal-ai/client']},",
        f"`@fal-ai/server-proxy` {javascript['@fal-ai/server-proxy']},",
        f"`openai` {version('openai')} (Python) and {javascript['openai']} (JavaScript)",
    ):
        assert words in text


# curl


@needs_curl
def test_curl_submits_looks_and_fetches(curl: Curl, caller: Caller) -> None:
    job_id = curl("curl-submit")["request_id"]
    caller.wait(job_id)
    status = curl("curl-status", REQUEST_ID=job_id)
    assert (status["status"], bool(status["logs"])) == ("COMPLETED", True)
    require_picture(curl("curl-result", REQUEST_ID=job_id)["images"][0]["url"])
    assert curl("curl-cancel", REQUEST_ID=job_id) == {"status": "ALREADY_COMPLETED"}


@needs_curl
@pytest.mark.parametrize("name", ["curl-wait", "curl-run"])
def test_curl_waits_for_the_result(curl: Curl, name: str) -> None:
    require_picture(curl(name)["images"][0]["url"])


# Python


@pytest.mark.parametrize("name", ["fal-python", "fal-python-async"])
def test_fals_python_client_runs_by_its_environment(
    tls_gateway: Gateway, tls_caller: Caller, certificates: Certificates, tmp_path: Path, name: str
) -> None:
    address, key = tls_gateway.address.replace("127.0.0.1", "localhost"), tls_caller.key
    (tmp_path / "authority.pem").write_bytes(certificates.authority.read_bytes())
    (tmp_path / "program.py").write_text(recipe(name, address, key))
    environment = recipe("fal-python-environment", address, key)
    authority = recipe("fal-python-authority", address, key)
    require_picture(shell(tmp_path, environment, authority, "python program.py"))


def test_fals_python_client_runs_without_tls(gateway: Gateway, caller: Caller, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(picture())
    (tmp_path / "program.py").write_text(recipe("fal-python-plain", gateway.address, caller.key))
    require_picture(shell(tmp_path, f"export FAL_KEY={caller.key}", "python program.py"))


@needs_openssl
def test_a_certificate_for_a_trial_is_made_and_served(
    stores: Stores, database: Database, simulator: Simulator, tmp_path: Path
) -> None:
    shell(tmp_path, recipe("trial-certificate", "", ""))
    port, [key] = free_port(), make_keys(database, 1)
    address = f"https://localhost:{port}"
    serve = f'PATH="{BIN}:$PATH"\nexec {recipe("trial-serve", "", "").strip()} --port {port}'
    settings = settings_for(stores, database, simulator.address)
    with running(tmp_path, "sh", "-c", serve, settings=settings) as process:
        until(lambda: "Fluxgate serves on" in process.log() or not process.is_running)
        (tmp_path / "program.py").write_text(recipe("fal-python", address, key))
        environment = recipe("fal-python-environment", address, key)
        authority = recipe("fal-python-authority", address, key)
        require_picture(shell(tmp_path, environment, authority, "python program.py"))


def test_openais_python_client_runs_by_its_environment(
    gateway: Gateway, caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(recipe("openai-python", gateway.address, caller.key))
    environment = recipe("openai-environment", gateway.address, caller.key)
    require_picture(shell(tmp_path, environment, "python program.py"))


# JavaScript


@pytest.mark.parametrize("name", ["fal-node-proxy", "fal-node-middleware", "openai-javascript"])
def test_a_javascript_client_runs(gateway: Gateway, caller: Caller, javascript: Path, name: str) -> None:
    (javascript / "program.mjs").write_text(recipe(name, gateway.address, caller.key))
    environment = recipe("openai-environment", gateway.address, caller.key)
    require_picture(shell(javascript, environment, f"{NODE} program.mjs"))


# Webhooks


@pytest.fixture(params=["python", "javascript"])
def webhook(
    request: pytest.FixtureRequest,
    tls_gateway: Gateway,
    tls_caller: Caller,
    certificates: Certificates,
    javascript: Path,
) -> Webhook:
    """The two recipes of one language, at a gateway whose authority is the test's own."""
    language, port = request.param, free_port()
    address, key = tls_gateway.address.replace("127.0.0.1", "localhost"), tls_caller.key
    ending, program = {"python": ("py", sys.executable), "javascript": ("mjs", NODE)}[language]
    files = [javascript / f"{name}.{ending}" for name in ("receiver", "submit")]
    hook = {"https://app.example.com": f"http://127.0.0.1:{port}"}
    texts = {
        "python": (
            recipe("receiver-python", address, key, **{"9000": str(port)}),
            recipe("webhook-python", "", "", **hook),
        ),
        "javascript": (
            recipe("receiver-javascript", address, key, **{"9000": str(port)}),
            recipe("webhook-javascript", address, key, **hook),
        ),
    }[language]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text)
    authority = str(certificates.authority)
    lines = [
        recipe("fal-python-environment", address, key),
        f"export SSL_CERT_FILE={authority} NODE_EXTRA_CA_CERTS={authority} PYTHONUNBUFFERED=1",
    ]
    return Webhook(program, files[0], files[1], "\n".join(lines), port)


def test_a_webhook_is_told_to_its_receiver_and_believed(
    webhook: Webhook, tls_gateway: Gateway, tmp_path: Path
) -> None:
    receive = f"{webhook.environment}\nexec {webhook.program} {webhook.receiver}"
    with running(tmp_path, "sh", "-ec", receive) as receiver:
        until(lambda: is_listening(webhook.port) or not receiver.is_running)
        job_id = shell(tmp_path, webhook.environment, f"{webhook.program} {webhook.submit}").strip()
        until(lambda: f"OK {job_id}" in receiver.log())
        [delivery] = tls_gateway.database.rows("SELECT * FROM deliveries WHERE job_id = $1", UUID(job_id))
        until(lambda: state_of(tls_gateway, job_id) == "delivered")
        assert delivery["url"] == f"http://127.0.0.1:{webhook.port}/hook"
        forged = forge(webhook.port, f"{job_id}")
        assert forged.status_code == 401
        assert receiver.log().count(job_id) == 1


def state_of(gateway: Gateway, job_id: str) -> str:
    return str(gateway.database.value("SELECT state FROM deliveries WHERE job_id = $1", UUID(job_id)))


def forge(port: int, job_id: str) -> httpx.Response:
    """A webhook of somebody who does not have the gateway's key."""
    headers = {
        "x-fal-webhook-request-id": job_id,
        "x-fal-webhook-user-id": "somebody",
        "x-fal-webhook-timestamp": str(int(time.time())),
        "x-fal-webhook-signature": "00" * 64,
    }
    body = {"request_id": job_id, "status": "OK"}
    return httpx.post(f"http://127.0.0.1:{port}/hook", json=body, headers=headers, trust_env=False)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
