"""New code beside old code, and replicas replaced under load: nobody who calls notices."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.conftest import StartGateway
from tests.support.checker import check_history, is_settled
from tests.support.database import Database
from tests.support.fault_proxy import FaultProxy, spoiling
from tests.support.gateway import Gateway, make_keys, serve
from tests.support.load import Told, asking
from tests.support.simulator import Simulator
from tests.support.stores import Stores, settings_for
from tests.support.waiting import until

CALLERS = 4
SOME = 15
GENERATIONS = 2


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
def replica(directory: Path, database: Database, settings: dict[str, str]) -> Iterator[Gateway]:
    directory.mkdir()
    with serve(directory, database, settings=settings) as gateway:
        yield gateway


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
