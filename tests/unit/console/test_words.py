from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.console.sign_in import page_in
from app.console.words import count_words, machine_moment, moment_words, seconds_words, short_id, usd_words

NOTHING = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, NOTHING),
        ("0.000000", "$0.00"),
        ("0.025000", "$0.025"),
        ("0.000001", "$0.000001"),
        ("12.500000", "$12.50"),
        ("1234567.000000", "$1,234,567.00"),
        ("-0.019661", "-$0.019661"),
    ],
)
def test_amounts_have_as_many_digits_as_they_need(amount: str | None, words: str) -> None:
    assert usd_words(amount) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, NOTHING),
        (0.0, "0 ms"),
        (0.34, "340 ms"),
        (2.44, "2.4 s"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_are_told_in_two_units(seconds: float | None, words: str) -> None:
    assert seconds_words(seconds) == words


def test_times_are_told_in_utc() -> None:
    moment = datetime(2026, 11, 26, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert moment_words(moment) == "2026-11-25 23:02:03"
    assert machine_moment(moment) == "2026-11-25T23:02:03Z"
    assert (moment_words(None), machine_moment(None)) == (NOTHING, "")
    assert machine_moment(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00Z"


def test_numbers_and_ids() -> None:
    assert count_words(1234567) == "1,234,567"
    assert count_words(None) == NOTHING
    assert short_id("0190a0b0-0000-7000-8000-0000abcdef12") == "…abcdef12"


@pytest.mark.parametrize(
    "wanted",
    ["/console", "/console/jobs?state=failed&from=2026-01-01", "/playground", "/console/jobs/0190a0b0-0000"],
)
def test_our_own_pages_are_gone_back_to(wanted: str) -> None:
    assert page_in(wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [None, "", "/", "//evil", "https://evil/console", "/consolex", "/console\\x", "/console\n", "/console#x"],
)
def test_nothing_else_is(wanted: str | None) -> None:
    assert page_in(wanted) == "/console"
