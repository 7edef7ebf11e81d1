"""A gateway with TLS for the clients that speak nothing else, and the JavaScript packages."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.certificates import Certificates, make_certificates
from tests.support.database import fresh_database
from tests.support.gateway import Gateway, serve
from tests.support.node import installed_packages
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.webhooks import ALLOWING

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority of this run, and a certificate for localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def tls_gateway(
    stores: Stores,
    simulator: Simulator,
    certificates: Certificates,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    """A gateway on https://localhost that sends webhooks to receivers on this machine."""
    with fresh_database(stores.database_url) as database:
        settings = {**settings_for(stores, database, simulator.address), **ALLOWING}
        directory = tmp_path_factory.mktemp("tls-gateway")
        with serve(
            directory, database, *certificates.options, settings=settings, trust=certificates
        ) as gateway:
            yield gateway


@pytest.fixture
def tls_caller(tls_gateway: Gateway) -> Iterator[Caller]:
    """A caller of a new team at the gateway with TLS."""
    with tls_gateway.caller() as caller:
        yield caller


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the JavaScript programs of these tests and the packages that they import."""
    directory = tmp_path_factory.mktemp("javascript")
    (directory / "node_modules").symlink_to(installed_packages(HERE / "package-lock.json"))
    for program in HERE.glob("*.mjs"):
        shutil.copy(program, directory)
    return directory
