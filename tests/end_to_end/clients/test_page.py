"""Every block of `docs/clients.md` is run, with the reader's address and key in place of the page's."""

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Caller
from tests.support.certificates import Certificates
from tests.support.clients_page import FAILURES, PAGE, blocks, outcomes, recipe
from tests.support.database import Database
from tests.support.gateway import Gateway, make_keys
from tests.support.node import NODE
from tests.support.pictures import picture, require_picture
from tests.support.ports import free_port
from tests.support.processes import running
from tests.support.programs import run_program
from tests.support.receiver import receiving
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until
from tests.support.webhooks import is_signed, published_keys, told

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
Curl = Callable[..., Any]


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


@pytest.mark.parametrize("language", ["python", "javascript"])
def test_a_webhook_that_a_client_names_is_sent_and_signed(
    tls_gateway: Gateway, tls_caller: Caller, certificates: Certificates, javascript: Path, language: str
) -> None:
    """At a gateway whose authority is the test's own, which both clients are told."""
    address, key = tls_gateway.address.replace("127.0.0.1", "localhost"), tls_caller.key
    environment = recipe("fal-python-environment", address, key)
    trust = f"export SSL_CERT_FILE={certificates.authority} NODE_EXTRA_CA_CERTS={certificates.authority}"
    with receiving() as receiver:
        hook = {"https://app.example.com": receiver.address}
        programs = {
            "python": ("submit.py", "python", recipe("webhook-python", "", "", **hook)),
            "javascript": ("submit.mjs", NODE, recipe("webhook-javascript", address, key, **hook)),
        }
        file_name, command, text = programs[language]
        (javascript / file_name).write_text(text)
        job_id = shell(javascript, environment, trust, f"{command} {file_name}").strip()
        [received] = until(lambda: receiver.requests)
    assert (received.path, told(received)["request_id"]) == ("/hook", job_id)
    assert is_signed(received, published_keys(tls_gateway.address, verify=tls_gateway.verify))
