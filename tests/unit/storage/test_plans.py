"""When plans are made anew."""

import pytest

from app.storage.plans import Growth, have_grown


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [
        ([], [0, 0], True),
        ([0, 0], [0, 0], False),
        ([0, 0], [0, 32], False),
        ([0, 0], [0, 33], True),
        ([100, 5], [400, 5], False),
        ([100, 5], [401, 5], True),
        ([100, 5], [1, 1], False),
        ([100, 5], [100, 5, 0], True),
    ],
)
def test_plans_are_made_anew_when_a_table_has_grown_fourfold(
    before: list[int], now: list[int], grown: bool
) -> None:
    assert have_grown(before, now) is grown


def test_one_connection_looks_for_all() -> None:
    growth = Growth()
    assert [number for number in range(1, 40) if growth.is_look_due()] == [8, 32]


def test_plans_are_too_old_after_a_look_that_found_tables_grown() -> None:
    growth = Growth()
    numbers = []
    # What was planned before the first look may have been planned for tables of any size.
    for pages in ([1, 20], [1, 80], [1, 81], [], [1, 81]):
        growth.saw(pages)
        numbers.append(growth.number)
    assert numbers == [1, 1, 2, 3, 4]
