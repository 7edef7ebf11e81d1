"""When submits are tried while the upstream cannot be reached."""

from app.jobs.outlet import Outlet
from app.upstream.breaker import FAILURES, PROBE_SECONDS, Breaker
from tests.support.clocks import Clock


def shut(clock: Clock) -> Breaker:
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.lets_through()
        breaker.not_sent("refused")
    return breaker


def test_a_few_failures_with_others_between_them_are_no_outage() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breaker.not_sent("refused")
        breaker.sent()
    assert not breaker.is_shut
    assert breaker.lets_through()


def test_while_it_is_shut_one_a_second_tries() -> None:
    clock = Clock()
    breaker = shut(clock)
    assert breaker.is_shut
    assert not breaker.lets_through()
    clock.seconds += PROBE_SECONDS
    assert [breaker.lets_through() for _ in range(3)] == [True, False, False]
    breaker.not_sent("refused")
    clock.seconds += PROBE_SECONDS / 2
    assert not breaker.lets_through()
    clock.seconds += PROBE_SECONDS / 2
    assert breaker.lets_through()


def test_the_first_that_gets_through_opens_it() -> None:
    clock = Clock()
    breaker = shut(clock)
    clock.seconds += PROBE_SECONDS
    assert breaker.lets_through()
    breaker.sent()
    assert not breaker.is_shut
    assert all(breaker.lets_through() for _ in range(10))


def test_of_those_that_waited_a_few_go_out_side_by_side_and_one_alone_while_it_is_shut() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    outlet = Outlet(breaker, slots=2)
    assert [outlet.enter() for _ in range(3)] == [True, True, False]
    outlet.leave()
    outlet.leave()
    for _ in range(FAILURES):
        breaker.not_sent("refused")
    assert not outlet.enter()
    clock.seconds += PROBE_SECONDS
    assert [outlet.enter() for _ in range(2)] == [True, False]
    outlet.leave()
    breaker.sent()
    assert [outlet.enter() for _ in range(3)] == [True, True, False]
