"""Refusals are counted by address; beyond the limit they are requests to wait, for a minute."""

import pytest

from app.callers.bad_credentials import ADDRESSES_AT_MOST, WINDOW_SECONDS, BadCredentials
from app.errors import FluxgateError, RateLimited, Unauthorized
from tests.support.clocks import Clock

REFUSAL = Unauthorized("This key is unknown, revoked or expired.")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(clock: Clock) -> BadCredentials:
    return BadCredentials(2, clock)


def answers(counted: BadCredentials, *addresses: str) -> list[FluxgateError]:
    return [counted.answer_to(address, REFUSAL) for address in addresses]


def test_the_third_of_two_is_told_to_wait_for_the_rest_of_the_minute(
    counted: BadCredentials, clock: Clock
) -> None:
    assert answers(counted, "192.0.2.1", "192.0.2.1") == [REFUSAL, REFUSAL]
    clock.seconds += 10.5
    [told] = answers(counted, "192.0.2.1")
    assert isinstance(told, RateLimited)
    assert told.retry_after_seconds == 50


def test_others_are_answered_as_ever(counted: BadCredentials) -> None:
    assert answers(counted, "192.0.2.1", "192.0.2.1", "192.0.2.2") == [REFUSAL] * 3


def test_the_next_minute_begins_anew(counted: BadCredentials, clock: Clock) -> None:
    answers(counted, *["192.0.2.1"] * 5)
    clock.seconds += WINDOW_SECONDS
    assert answers(counted, "192.0.2.1") == [REFUSAL]


def test_a_network_of_version_6_is_one_address(counted: BadCredentials) -> None:
    told = answers(counted, "2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1")
    assert [type(one) for one in told] == [Unauthorized, Unauthorized, RateLimited, Unauthorized]


def test_addresses_of_version_4_are_none_of_one_network_however_they_are_written(
    counted: BadCredentials,
) -> None:
    told = answers(counted, *(f"::ffff:192.0.2.{number}" for number in range(5)))
    assert told == [REFUSAL] * 5
    told = answers(counted, "192.0.2.1", "::ffff:192.0.2.1")
    assert [type(one) for one in told] == [Unauthorized, RateLimited]


def test_who_was_refused_last_is_remembered_when_there_are_too_many(
    counted: BadCredentials, clock: Clock
) -> None:
    answers(counted, *(f"10.0.{number >> 8}.{number & 255}" for number in range(ADDRESSES_AT_MOST)))
    answers(counted, *["192.0.2.1"] * 2)
    answers(counted, *(f"10.1.{number >> 8}.{number & 255}" for number in range(ADDRESSES_AT_MOST - 1)))
    assert len(counted) == ADDRESSES_AT_MOST
    assert isinstance(answers(counted, "192.0.2.1")[0], RateLimited)
    clock.seconds += WINDOW_SECONDS
    answers(counted, "192.0.2.1")
    assert len(counted) == 1


def test_whose_window_is_opened_again_is_the_newest(counted: BadCredentials, clock: Clock) -> None:
    answers(counted, "192.0.2.1")
    clock.seconds += WINDOW_SECONDS / 2
    answers(counted, "192.0.2.2")
    clock.seconds += WINDOW_SECONDS / 2
    answers(counted, "192.0.2.1")
    clock.seconds += WINDOW_SECONDS / 2
    answers(counted, "192.0.2.3")
    assert len(counted) == 2


def test_no_number_of_addresses_fills_the_memory(counted: BadCredentials, clock: Clock) -> None:
    answers(counted, *["192.0.2.1"] * 3)
    answers(counted, *(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(25_000)))
    assert len(counted) <= ADDRESSES_AT_MOST
    clock.seconds += WINDOW_SECONDS
    assert answers(counted, "192.0.2.1") == [REFUSAL]
