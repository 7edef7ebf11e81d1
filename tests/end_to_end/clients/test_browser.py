"""fal's JavaScript client in a headless Chromium: a page of another origin, with a token and no key."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copy
from threading import Thread
from typing import Any

import orjson
import pytest

from tests.support.caller import Caller
from tests.support.chromium import Tab, chromium
from tests.support.clients_page import FAL_JAVASCRIPT, recipe, seen, told
from tests.support.gateway import Gateway, serve_alone
from tests.support.hostile import UNKNOWN_ID
from tests.support.node import NODE
from tests.support.pictures import carried, picture, require_picture
from tests.support.programs import Outcome, outcome_of, run_program
from tests.support.simulator import Simulator
from tests.support.stores import Stores

HERE = Path(__file__).parent
PICTURE = """
    new Promise((done) => {
      const picture = document.querySelector("img");
      const look = () => (picture.naturalWidth ? done(picture.naturalWidth) : setTimeout(look, 50));
      look();
    })
"""
BROWSER_SECONDS = 300.0
Call = Callable[..., Outcome]

# One browser for all of these.
pytestmark = pytest.mark.xdist_group("chromium")


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files, to GET and to POST, and says nothing."""

    def do_POST(self) -> None:  # the name is the library's
        """The page's own backend hands out tokens so."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def bundle(javascript: Path, program: str, script: Path) -> None:
    """Makes one script for pages of a program and the packages that it imports."""
    esbuild = "node_modules/esbuild/bin/esbuild"
    options = ("--bundle", "--format=esm", "--log-level=warning", f"--outfile={script}")
    run_program(NODE, esbuild, program, *options, directory=javascript)


@pytest.fixture(scope="module")
def site(javascript: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page."""
    site = tmp_path_factory.mktemp("site")
    for file in HERE.glob("*.html"):
        copy(file, site)
    bundle(javascript, "page.mjs", site / "page.js")
    return site


@pytest.fixture(scope="module")
def origin(site: Path) -> Iterator[str]:
    """Where the page comes from: `localhost`, which is not the gateway's `127.0.0.1`."""
    handler = partial(SilentHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def open_gateway(
    origin: str, stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway that lets pages of this origin call it."""
    with serve_alone(
        stores, simulator, tmp_path_factory.mktemp("open-gateway"), cors_origins=origin
    ) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def tab(origin: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The page, opened once."""
    with chromium(tmp_path_factory.mktemp("chromium"), seconds=BROWSER_SECONDS) as tab:
        tab.open(f"{origin}/page.html")
        yield tab


@pytest.fixture
def owner(open_gateway: Gateway) -> Iterator[Caller]:
    """Whose key mints the page's token."""
    with open_gateway.caller() as caller:
        yield caller


@pytest.fixture(params=["middleware", "proxy"])
def call(request: pytest.FixtureRequest, open_gateway: Gateway, owner: Caller, origin: str, tab: Tab) -> Call:
    """Makes a call in the page, with a token of its own; `token` says what it may do."""

    def make(name: str, prompt: str, *, token: dict[str, Any] | None = None, **given: Any) -> Outcome:
        minted = owner.post("/api/tokens", json={"origin": origin, **(token or {})}).json()["token"]
        given["input"] = {"prompt": prompt, **given.get("input", {})}
        known = {"gateway": open_gateway.address, "way": request.param, "unknownId": UNKNOWN_ID}
        document = orjson.dumps({**known, "key": minted, **given}).decode()
        return outcome_of(tab.run(f"call({name!r}, {document}).then(JSON.stringify)"))

    return make


@pytest.fixture
def recipe_page(open_gateway: Gateway, owner: Caller, origin: str, site: Path, javascript: Path) -> str:
    """The recipe of the page on clients, with a token from what stands for its backend."""
    (javascript / "recipe.mjs").write_text(recipe("fal-page", open_gateway.address, ""))
    bundle(javascript, "recipe.mjs", site / "recipe.js")
    (site / "token").write_bytes(owner.post("/api/tokens", json={"origin": origin}).content)
    return f"{origin}/recipe.html"


def test_subscribe_returns_the_result(
    call: Call, open_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """The request's id is in a header that the page may read."""
    done = call("subscribe", prompt, token={"end_user": "a visitor"}).returned
    assert done["data"]["prompt"] == prompt
    assert done["requestIdOfResult"] == done["requestId"]
    job = open_gateway.database.job(done["requestId"])
    assert (job["state"], job["end_user"], job["token_id"] is None) == ("succeeded", "a visitor", False)
    simulator.only(prompt)


def test_a_subscription_by_stream_returns_the_result(call: Call, simulator: Simulator, prompt: str) -> None:
    done = call("subscribe", prompt, options={"mode": "streaming"}).returned
    assert (done["data"]["prompt"], done["statuses"][-1]) == (prompt, "COMPLETED")
    simulator.only(prompt)


@pytest.mark.parametrize("name", ["run", "stream"])
def test_run_and_stream_return_the_result(call: Call, simulator: Simulator, prompt: str, name: str) -> None:
    done = call(name, prompt).returned
    assert {"run": done.get("data"), "stream": done.get("last")}[name]["prompt"] == prompt
    assert done["requestId"]
    simulator.only(prompt)


def test_a_picture_in_the_input_is_brought_first(call: Call, simulator: Simulator, prompt: str) -> None:
    done = call("upload", prompt, picture=b64encode(picture()).decode()).returned
    assert done["data"]["images"]
    assert carried(simulator.only(prompt)["body"]["image_url"]) == ("image/png", picture())


def test_wrong_input_is_an_error_for_each_field(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, input={"num_images": 9}).raised
    assert seen(raised) == told("wrong input", FAL_JAVASCRIPT)
    assert raised["fieldErrors"][0]["loc"] == ["body", "num_images"]
    assert not simulator.accepted(prompt)


def test_a_failed_job_is_an_error_at_its_result(call: Call, simulator: Simulator, prompt: str) -> None:
    failing = f"{prompt} [fail 500]"
    raised = call("subscribe", failing).raised
    assert seen(raised) == told("the model fails", FAL_JAVASCRIPT)
    assert raised["requestId"]
    simulator.only(failing)


def test_a_cancelled_job_ends(call: Call, simulator: Simulator, prompt: str) -> None:
    slow = f"{prompt} [slow 60]"
    done = call("cancel", slow).returned
    assert (done["last"]["status"], done["last"]["error_type"]) == ("COMPLETED", "client_cancelled")
    assert seen(done["result"]["raised"]) == told("the job was cancelled", FAL_JAVASCRIPT)
    assert done["again"]["raised"]["body"] == {"status": "ALREADY_COMPLETED"}
    simulator.only(slow)


def test_a_timeout_cancels_the_job(
    call: Call, open_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    slow = f"{prompt} [slow 60]"
    assert call("subscribe", slow, options={"timeout": 1000}).raised["message"].startswith("Client timed out")
    [row] = open_gateway.database.rows("SELECT job_id FROM job_inputs WHERE prompt = $1", slow)
    open_gateway.database.wait(str(row["job_id"]), "cancelled")
    simulator.only(slow)


def test_a_token_that_is_spent_is_an_error_after_one_try(
    call: Call, open_gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    before = open_gateway.answered(402)
    raised = call("subscribe", prompt, token={"max_cost_usd": "0.01"}).raised
    assert seen(raised) == told("the budget is spent", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "budget_exceeded"
    assert open_gateway.answered(402) == before + 1
    assert not simulator.accepted(prompt)


@pytest.mark.parametrize("call", ["middleware"], indirect=True)
def test_a_rate_limit_that_stays_costs_four_tries(
    call: Call, open_gateway: Gateway, owner: Caller, simulator: Simulator, prompt: str
) -> None:
    limit = "UPDATE api_keys SET requests_per_minute = 1 WHERE hint = $1"
    open_gateway.database.rows(limit, owner.key[-4:])
    before = open_gateway.answered(429)
    owner.job(f"{prompt} first")
    raised = call("subscribe", prompt).raised
    assert seen(raised) == told("a limit per minute, or too many at once", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "rate_limited"
    assert open_gateway.answered(429) == before + 4
    assert not simulator.accepted(prompt)


def test_a_token_of_another_origin_is_refused(call: Call, simulator: Simulator, prompt: str) -> None:
    raised = call("subscribe", prompt, token={"origin": "https://elsewhere.example.com"}).raised
    assert seen(raised) == told("the key is dead", FAL_JAVASCRIPT)
    assert raised["body"]["error_type"] == "unauthorized"
    assert not simulator.accepted(prompt)


def test_a_page_of_another_origin_is_stopped_by_the_browser(
    call: Call, gateway: Gateway, simulator: Simulator, prompt: str
) -> None:
    """This gateway lets no page call it."""
    raised = call("subscribe", prompt, gateway=gateway.address).raised
    assert (raised["name"], raised["message"]) == ("TypeError", "Failed to fetch")
    assert not simulator.accepted(prompt)


def test_openais_client_makes_a_picture_in_a_page(
    open_gateway: Gateway, owner: Caller, origin: str, tab: Tab, prompt: str
) -> None:
    token = owner.post("/api/tokens", json={"origin": origin}).json()["token"]
    words = ", ".join(repr(word) for word in (f"{open_gateway.address}/v1", token, prompt))
    require_picture(tab.run(f"generate({words})"))


def test_the_recipe_for_pages_shows_a_picture(recipe_page: str, tmp_path: Path) -> None:
    with chromium(tmp_path) as tab:
        tab.open(recipe_page)
        assert tab.run(PICTURE) == 1024
