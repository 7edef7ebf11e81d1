"""When plans are made anew."""

import pytest

from app.storage.postgres import have_grown


@pytest.mark.parametrize(
    ("before", "now", "grown"),
    [
        ([], [0, 0], True),
        ([0, 0], [0, 0], False),
        ([0, 0], [0, 8], False),
        ([0, 0], [0, 9], True),
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
