"""One gateway and one browser for the tests of the web pages of each test worker."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.caller import Caller
from tests.support.chromium import Tab, chromium
from tests.support.gateway import Gateway, serve_alone
from tests.support.simulator import Simulator
from tests.support.stores import Stores
from tests.support.visitor import Visitor

ADMIN_KEY = "fga_the-admin-key-of-the-pages-tests"
BROWSER_SECONDS = 900.0


@pytest.fixture(scope="session")
def page_gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway whose admin key the tests know."""
    with serve_alone(stores, simulator, tmp_path_factory.mktemp("gateway"), admin_key=ADMIN_KEY) as gateway:
        yield gateway


@pytest.fixture
def page_caller(page_gateway: Gateway) -> Iterator[Caller]:
    """A caller of a new team at that gateway."""
    with page_gateway.caller() as caller:
        yield caller


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The browser; each visitor begins without cookies."""
    with chromium(tmp_path_factory.mktemp("chromium"), seconds=BROWSER_SECONDS) as tab:
        yield tab


@pytest.fixture
def visitor(tab: Tab, page_gateway: Gateway) -> Visitor:
    """Somebody whom the gateway does not know yet."""
    visitor = Visitor(tab, page_gateway.address)
    visitor.leave()
    return visitor


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    """Somebody who is signed in with the admin key."""
    visitor.sign_in(ADMIN_KEY)
    return visitor


@pytest.fixture
def member(visitor: Visitor, page_caller: Caller) -> Visitor:
    """Somebody who is signed in with `page_caller`'s key."""
    visitor.sign_in(page_caller.key)
    return visitor


@pytest.fixture
def operator(page_gateway: Gateway) -> Iterator[httpx.Client]:
    """The routes of administration, to arrange what a page shall show."""
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    address = f"{page_gateway.address}/api/admin"
    with httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60) as client:
        yield client
