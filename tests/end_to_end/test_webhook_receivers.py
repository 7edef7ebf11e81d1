"""The receivers of `docs/webhooks.md`, run as they stand but for the address and the port."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.conftest import StartGateway
from tests.support.clients_page import BLOCK
from tests.support.node import NODE
from tests.support.ports import free_port
from tests.support.processes import ROOT, Child, running
from tests.support.receiver import receiving
from tests.support.waiting import until
from tests.support.webhooks import ALLOWING, job_with

PAGE = ROOT / "docs" / "webhooks.md"
ADDRESS = "https://gateway.example.com"
PROGRAMS = {"receiver-python": ("receiver.py", sys.executable), "receiver-javascript": ("receiver.mjs", NODE)}


@contextmanager
def receiver(name: str, directory: Path, gateway_address: str, port: int) -> Iterator[Child]:
    """One program of the page, once it takes connections."""
    [text] = [block["text"] for block in BLOCK.finditer(PAGE.read_text()) if block["name"] == name]
    assert text.count(ADDRESS) == text.count("PORT = 9000") == 1
    file_name, command = PROGRAMS[name]
    program = directory / file_name
    program.write_text(text.replace(ADDRESS, gateway_address).replace("PORT = 9000", f"PORT = {port}"))
    with running(directory, command, str(program)) as process:
        until(lambda: answers(port, {}) is not None)
        yield process


def answers(port: int, headers: dict[str, str], content: bytes = b"{}") -> int | None:
    """The status that the receiver answers; None while nobody listens."""
    try:
        return httpx.post(
            f"http://127.0.0.1:{port}/", headers=headers, content=content, trust_env=False, timeout=60
        ).status_code
    except httpx.TransportError:
        return None


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_receiver_of_the_page_takes_our_webhooks_and_no_others(
    start_gateway: StartGateway, tmp_path: Path, prompt: str, name: str
) -> None:
    gateway = start_gateway(**ALLOWING)
    caller = gateway.caller()
    port = free_port()
    with receiving() as witness:
        seen = job_with(caller, witness.address, prompt)
        [genuine] = until(lambda: witness.requests)
    with receiver(name, tmp_path, gateway.address, port) as process:
        job_id = job_with(caller, f"http://127.0.0.1:{port}/", f"{prompt} again")
        until(lambda: f"{job_id} OK" in process.log())

        carried = {key: value for key, value in genuine.headers.items() if "webhook" in key}
        assert answers(port, carried, genuine.body) == 200
        until(lambda: f"{seen} OK" in process.log())
        assert answers(port, carried, genuine.body + b" ") == 400
        aged = {key: "1700000000" if "timestamp" in key else value for key, value in carried.items()}
        assert answers(port, aged, genuine.body) == 400
        fresh = {
            key: value + "0" if "request-id" in key or key == "webhook-id" else value
            for key, value in carried.items()
        }
        assert answers(port, fresh, genuine.body) == 400
        unsigned = {key: "" if "signature" in key else value for key, value in carried.items()}
        assert answers(port, unsigned, genuine.body) == 400
        assert answers(port, {}, genuine.body) == 400
        assert process.log().count(" OK") == 2
