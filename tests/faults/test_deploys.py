"""New code beside old code, and replicas replaced under load: nobody who calls notices."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.conftest import StartGateway, StartSimulator
from tests.support.checker import check_history, is_settled
from tests.support.database import Database
from tests.support.fault_proxy import FaultProxy, spoiling
from tests.support.front_proxy import NGINX, in_front_of
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.load import Told, Wishes, asking
from tests.support.ports import free_port
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

CALLERS = 4
SOME = 15
GENERATIONS = 2
REPLICAS = 2
MANY_CALLERS = 12

needs_nginx = pytest.mark.skipif(not NGINX, reason="there is no nginx on this machine")


@pytest.fixture
def simulator(start_simulator: StartSimulator) -> Simulator:
    """Each test has a database of its own, so the checker would find the other tests' jobs in none."""
    return start_simulator()


def test_replicas_are_replaced_under_load(
    stores: Stores, database: Database, simulator: Simulator, tmp_path: Path
) -> None:
    """Hypothesis: whoever is taken out of the balancer first and stopped then fails no request."""
    settings = settings_for(stores, database, simulator.address)
    with ExitStack() as stack:
        old = stack.enter_context(replica(tmp_path / "old", database, settings))
        balancer = stack.enter_context(spoiling(old.address))
        address = f"http://127.0.0.1:{balancer.port}"
        with asking([address], make_keys(database, CALLERS)) as told:
            for generation in range(GENERATIONS):
                wait_for_more(told)
                new = stack.enter_context(replica(tmp_path / f"new-{generation}", database, settings))
                balancer.lead_to(new.address)
                take_out(old, balancer)
                old = new
            wait_for_more(told)
        until(lambda: is_settled(database))
    failed = {(what, status) for what, status in told.codes if status == 0 or status >= 500}
    assert (failed, told.wrong, told.refused, told.unsure) == (set(), [], set(), set())
    check_history(database, [simulator], told.answered)


def take_out(old: Gateway, balancer: FaultProxy) -> None:
    """What a balancer does: no new connections, and a stop once those that there are have ended."""
    until(lambda: not balancer.leads_to(old.address))
    assert old.process.stop() == 0


def wait_for_more(told: Told) -> None:
    before = len(told.answered)
    until(lambda: len(told.answered) > before + SOME)


@contextmanager
def replica(
    directory: Path, database: Database, settings: dict[str, str], port: int | None = None
) -> Iterator[Gateway]:
    directory.mkdir()
    with serve(directory, database, settings=settings, port=port) as gateway:
        yield gateway


@needs_nginx
def test_replicas_behind_nginx_are_restarted_one_after_another(
    stores: Stores, database: Database, simulator: Simulator, tmp_path: Path
) -> None:
    """Hypothesis: told to stop without a word to nginx, they fail nothing; streams are let go.

    A submit that nginx has sent to one that is gone by then it may not repeat: should that happen, its caller
    is told so, and a repeat under the same key finds out.
    """
    settings = settings_for(stores, database, simulator.address)
    (nginx := tmp_path / "nginx").mkdir()
    ports = [free_port() for _ in range(REPLICAS)]
    with ExitStack() as stack:
        running = [
            stack.enter_context(replica(tmp_path / f"{port}", database, settings, port)) for port in ports
        ]
        front = stack.enter_context(in_front_of(nginx, *(each.address for each in running)))
        with asking([front], make_keys(database, MANY_CALLERS), Wishes(streams=True)) as told:
            for old in running:
                wait_for_more(told)
                assert old.process.stop() == 0
                wait_for_more(told)
                port = int(old.address.rpartition(":")[2])
                stack.enter_context(replica(tmp_path / f"{port} again", database, settings, port))
            wait_for_more(told)
        until(lambda: is_settled(database))
    failed = {(what, status) for what, status in told.codes if status == 0 or status >= 500}
    assert failed <= {("submit", 502)}
    assert (told.wrong, told.refused, told.unsure) == ([], set(), set())
    check_history(database, [simulator], told.answered)


def test_what_a_newer_schema_adds_does_not_stop_the_code_of_before(
    start_gateway: StartGateway, prompt: str
) -> None:
    """Hypothesis: while a deploy is under way old code serves on a schema that it does not know."""
    gateway = start_gateway()
    gateway.database.rows("ALTER TABLE jobs ADD COLUMN of_the_future text")
    gateway.database.rows("CREATE TABLE of_the_future (id int)")
    gateway.database.rows("UPDATE alembic_version SET version_num = 'of the future'")
    caller = gateway.caller()
    caller.wait(caller.job(prompt))
    # One that starts now would bring the schema up to date, and finds that it is newer than itself.
    late = start_gateway().caller(caller.key)
    late.wait(late.job(f"{prompt} late"))
