"""Servers that the tests share: stores for the whole run, a simulator and a gateway for each test worker."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from app.storage.embedded import embedded_services
from tests.support.caller import Caller
from tests.support.certificates import Certificates
from tests.support.database import Database, fresh_database, make_template
from tests.support.gateway import Gateway, serve, serve_alone
from tests.support.simulator import Simulator, simulate
from tests.support.stores import Stores, settings_for

# A machine of tests stands still now and then: no example is late, and none takes too long to make.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

StartGateway = Callable[..., Gateway]
StartSimulator = Callable[..., Simulator]


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Stores]:
    """One PostgreSQL and one Redis for the whole run, started by the first test worker that asks."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "stores"
    with embedded_services(shared, postgres=True, redis=True) as addresses:
        assert addresses.database_url is not None
        assert addresses.redis_url is not None
        make_template(addresses.database_url, shared / "template.lock")
        yield Stores(addresses.database_url, addresses.redis_url)


@pytest.fixture
def database(stores: Stores) -> Iterator[Database]:
    """An empty, migrated database for one test."""
    with fresh_database(stores.database_url) as database:
        yield database


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """An upstream like fal whose jobs take 0.2 seconds, shared by the tests of one worker."""
    with simulate(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def gateway(
    stores: Stores, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A gateway in front of the shared upstream, for tests that do not mind its other jobs."""
    with serve_alone(stores, simulator, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def caller(gateway: Gateway) -> Iterator[Caller]:
    """A caller of a new team at the shared gateway."""
    with gateway.caller() as caller:
        yield caller


@pytest.fixture
def prompt() -> str:
    """Words that no other test uses."""
    return f"a cat {uuid4().hex}"


@pytest.fixture
def on_exit() -> Iterator[ExitStack]:
    """Where a test puts what has to be closed at its end."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_simulator(on_exit: ExitStack, tmp_path: Path) -> StartSimulator:
    """Starts upstreams of a test's own."""

    def start(**options: object) -> Simulator:
        directory = tmp_path / f"simulator-{uuid4().hex[:8]}"
        directory.mkdir()
        return on_exit.enter_context(simulate(directory, **options))  # type: ignore[arg-type] # keywords pass

    return start


@pytest.fixture
def start_gateway(
    stores: Stores, database: Database, simulator: Simulator, on_exit: ExitStack, tmp_path: Path
) -> StartGateway:
    """Starts gateways of a test's own, all on the test's database; keywords are settings.

    With `trust` the address is https, and the gateway's callers believe that authority alone.
    """

    def start(
        *options: str, upstream: Simulator = simulator, trust: Certificates | None = None, **settings: str
    ) -> Gateway:
        directory = tmp_path / f"gateway-{uuid4().hex[:8]}"
        directory.mkdir()
        own = {**settings_for(stores, database, upstream.address), **settings}
        return on_exit.enter_context(serve(directory, database, *options, settings=own, trust=trust))

    return start
