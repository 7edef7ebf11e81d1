import pytest

from app.console.overview_words import (
    budget_class,
    cache_share,
    failed_share,
    money_words,
    open_words,
    places_for,
    share_words,
    usd_to,
)

NOTHING = "\N{EN DASH}"


@pytest.mark.parametrize(
    ("micros", "words"),
    [
        (0, "$0.00"),
        (25_000, "$0.025"),
        (9_999, "$0.009999"),
        (364_322, "$0.364"),
        (4_506_881, "$4.51"),
        (1_234_567_890, "$1,234.57"),
    ],
)
def test_amounts_at_a_glance_are_told_to_the_cent(micros: int, words: str) -> None:
    assert money_words(micros) == words


@pytest.mark.parametrize(
    ("jobs", "words"),
    [
        ({}, "nothing is waiting"),
        ({"running": 2, "queued": 1_200, "unknown": 0}, "1,200 queued, 2 running"),
        ({"fetching": 1, "accepted": 3}, "3 accepted, 1 fetching"),
    ],
)
def test_open_jobs_are_told_in_the_order_of_their_states(jobs: dict[str, int], words: str) -> None:
    assert open_words(jobs) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 0, NOTHING),
        (0, 10, "0 %"),
        (1, 1000, "under 1 %"),
        (1, 4, "25 %"),
        (999, 1000, "99 %"),
        (3, 3, "100 %"),
    ],
)
def test_a_share_is_neither_nothing_nor_all_unless_it_is(part: int, whole: int, words: str) -> None:
    assert share_words(part, whole) == words


def test_shares_say_of_what() -> None:
    assert failed_share({"failed": 0, "succeeded": 0}) == "none has ended yet"
    assert cache_share({"answered": 0, "ended": 0}) == "none has ended yet"
    assert failed_share({"failed": 1, "succeeded": 3}) == "25 % of what ended"
    assert cache_share({"answered": 5, "ended": 1000}) == "under 1 % of the last 1,000 from the cache"


@pytest.mark.parametrize(
    ("spent", "reserved", "budget", "word"),
    [
        (0, 0, 100, "well"),
        (79, 0, 100, "well"),
        (79, 1, 100, "near"),
        (99, 1, 100, "over"),
        (0, 0, 0, "over"),
    ],
)
def test_a_budget_is_well_near_its_end_or_over(spent: int, reserved: int, budget: int, word: str) -> None:
    row = {"spent_micros": spent, "reserved_micros": reserved, "budget_micros": budget}
    assert budget_class(row) == word


@pytest.mark.parametrize(
    ("amounts", "places"), [([], 2), (["1.000000"], 2), (["1.250000", "0.002500"], 4), (["-0.000001"], 6)]
)
def test_a_column_has_as_many_places_as_it_needs(amounts: list[str], places: int) -> None:
    assert places_for(amounts) == places


@pytest.mark.parametrize(
    ("amount", "places", "words"),
    [("0.000000", 2, "$0.00"), ("1234.500000", 3, "$1,234.500"), ("-0.019661", 6, "-$0.019661")],
)
def test_amounts_of_a_column_stand_point_below_point(amount: str, places: int, words: str) -> None:
    assert usd_to(amount, places) == words
